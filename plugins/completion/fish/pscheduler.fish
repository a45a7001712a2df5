# Completion of pscheduler for fish. The program itself says how, so this file needs no change when the program does.

set -l code (env _PSCHEDULER_COMPLETE=fish_source pscheduler 2> /dev/null < /dev/null | string collect)
# Another program of this name would say something else.
if string match -q '*function _pscheduler_completion*' -- "$code"
    printf '%s\n' "$code" | source
end
