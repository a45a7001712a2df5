# Completion of pscheduler-batch-plugins for fish. The program generates the code, so this file fits any
# version of it.

set -l code (env _PSCHEDULER_BATCH_PLUGINS_COMPLETE=fish_source pscheduler-batch-plugins 2> /dev/null < /dev/null | string collect)
# Another program of this name would print something else.
if string match -q '*function _pscheduler_batch_plugins_completion*' -- "$code"
    printf '%s\n' "$code" | source
end
