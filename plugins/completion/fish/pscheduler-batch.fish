# Completion of pscheduler-batch for fish. The program generates the code, so this file does not depend on its version.

set -l code (env _PSCHEDULER_BATCH_COMPLETE=fish_source pscheduler-batch 2> /dev/null < /dev/null | string collect)
# Another program of this name would print something else.
if string match -q '*function _pscheduler_batch_completion*' -- "$code"
    printf '%s\n' "$code" | source
end
