"""First batches, made from tests, exported tasks, hosts, values to vary, and templates of pSConfig."""
