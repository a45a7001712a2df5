"""jq transforms and conditions: everything that runs jq."""
