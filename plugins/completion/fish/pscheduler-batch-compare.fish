# Completion of pscheduler-batch-compare for fish. The program generates the code, so this file fits any
# version of it.

set -l code (env _PSCHEDULER_BATCH_COMPARE_COMPLETE=fish_source pscheduler-batch-compare 2> /dev/null < /dev/null | string collect)
# Another program of this name would print something else.
if string match -q '*function _pscheduler_batch_compare_completion*' -- "$code"
    printf '%s\n' "$code" | source
end
