# Completion of pscheduler-batch-new for fish. The program generates the code, so this file fits any
# version of it.

set -l code (env _PSCHEDULER_BATCH_NEW_COMPLETE=fish_source pscheduler-batch-new 2> /dev/null < /dev/null | string collect)
# Another program of this name would print something else.
if string match -q '*function _pscheduler_batch_new_completion*' -- "$code"
    printf '%s\n' "$code" | source
end
