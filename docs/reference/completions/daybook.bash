# made by: daybook completion bash
_daybook() {
  local cur prev path words files=
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD-1]}
  path=${COMP_WORDS[1]}
  case $path in
    runs|hold|quarantine|compensate|approvals|principals|erase|legal-hold|ledger) (( COMP_CWORD > 2 )) && path="$path ${COMP_WORDS[2]}" ;;
  esac
  case $path in
    'ledger key'|'ledger witness') (( COMP_CWORD > 3 )) && [[ ${COMP_WORDS[3]} != -* ]] && path="$path ${COMP_WORDS[3]}" ;;
  esac
  (( COMP_CWORD == 1 )) && path=
  case $prev in
    --anchor|--book|--ca|--definition|--file|--key|--keys-file|--request|--response|--signature|--subjects|--to|--with|--with-contract) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    --color) COMPREPLY=($(compgen -W 'auto always never' -- "$cur")); return ;;
    --error-format) COMPREPLY=($(compgen -W 'text json' -- "$cur")); return ;;
    --every) COMPREPLY=($(compgen -W 'day month' -- "$cur")); return ;;
    --only) COMPREPLY=($(compgen -W 'quarantine inputs' -- "$cur")); return ;;
    --output) COMPREPLY=($(compgen -W 'text wide json jsonl csv' -- "$cur")); return ;;
    --state) COMPREPLY=($(compgen -W 'open succeeded failed held cancelled' -- "$cur")); return ;;
    --status) COMPREPLY=($(compgen -W 'held amended released delivered discarded erased all' -- "$cur")); return ;;
    --time) COMPREPLY=($(compgen -W 'relative iso raw' -- "$cur")); return ;;
    -o) COMPREPLY=($(compgen -W 'text wide json jsonl csv' -- "$cur")); return ;;
  esac
  case $path in
    '') words='quickstart init check plan run rerun runs pause resume cancel reconcile hold quarantine compensate approvals principals erase legal-hold diff bisect replay lineage impact ledger serve-tiles trace prove state log explain sql evidence verify doctor completion help version' ;;
    'runs') words='list show' ;;
    'hold') words='list load discard' ;;
    'quarantine') words='list groups show amend release discard export import partitions release-partition' ;;
    'compensate') words='plan propose list show start withdraw' ;;
    'approvals') words='list show text approve reject' ;;
    'principals') words='add revoke list' ;;
    'erase') words='plan propose list show start withdraw' ;;
    'legal-hold') words='add list release' ;;
    'ledger') words='export prove prove-completeness prove-conservation key new-origin witness timestamp' ;;
    'ledger witness') words='add remove list collect' ;;
    'quickstart') words='--rows --no-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'init') words='--anchor --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'check') words='--strict --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'plan') words='--partition --force --exit-code --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'run') words='--partition --force --reason --idempotency-key --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'rerun') words='--partition --failed --reason --idempotency-key --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'runs list') words='--pipeline --state --limit --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'runs show') words='--events --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'pause') words='--pipeline --run --partition --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'resume') words='--pipeline --run --partition --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'cancel') words='--pipeline --partition --all --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'reconcile') words='--deep --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'hold list') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'hold load') words='--pipeline --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'hold discard') words='--pipeline --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine list') words='--pipeline --partition --rule --status --limit --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine groups') words='--pipeline --partition --status --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine show') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine amend') words='--text --file --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine release') words='--pipeline --partition --rule --all-amended --reason --dry-run --no-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine discard') words='--pipeline --partition --rule --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine export') words='--pipeline --partition --rule --status --file --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine import') words='--reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'quarantine partitions') words='--pipeline --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'quarantine release-partition') words='--pipeline --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'compensate plan') words='--run --partition --pipeline --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'compensate propose') words='--run --partition --pipeline --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'compensate list') words='--open --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'compensate show') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'compensate start') words='--dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'compensate withdraw') words='--reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'approvals list') words='--all --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'approvals show') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'approvals text') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'approvals approve') words='--key --signature --as --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'approvals reject') words='--reason --as --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'principals add') words='--key --role --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'principals revoke') words='--reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'principals list') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'erase plan') words='--subject --subjects --record --run --expired --pipeline --only --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'erase propose') words='--subject --subjects --record --run --expired --pipeline --only --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'erase list') words='--open --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'erase show') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'erase start') words='--dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'erase withdraw') words='--reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'legal-hold add') words='--run --partition --pipeline --reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'legal-hold list') words='--all --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'legal-hold release') words='--reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'diff') words='--partition --key --limit --no-rows --exit-code --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'bisect') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'replay') words='--partition --with --with-contract --key --limit --exit-code --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'lineage') words='--definition --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'impact') words='--definition --limit --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'ledger export') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'ledger prove') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'ledger prove-completeness') words='--from --to --every --sink --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'ledger prove-conservation') words='--pipeline --generation --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'ledger key') words='rotate --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'ledger key rotate') words='--reason --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'ledger new-origin') words='--reason --origin --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'ledger witness add') words='--dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'ledger witness remove') words='--reason --dry-run --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'ledger witness list') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'ledger witness collect') words='--book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'ledger timestamp') words='--tsa --request --response --ca --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'serve-tiles') words='--listen --for --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'trace') words='--partition --generation --history --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'prove') words='--partition --generation --to --without-source --keys-file --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'state') words='--pipeline --phase --gaps --summary --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'log') words='--from --limit --kind --partition --pipeline --run --follow --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'explain') words='--pipeline --all --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'sql') words='--tables --limit --memory --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'evidence') words='--run --compensation --from --to --with-records --as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help'; files=1 ;;
    'verify') words='--as-of --book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'doctor') words='--book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'completion') words='--book --output --fields --time --quiet --color --error-format --yes --no-input --help bash zsh fish' ;;
    'help') words='--book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
    'version') words='--book --output --fields --time --quiet --color --error-format --yes --no-input --help' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [[ $cur == -* || -z $files ]] || COMPREPLY+=($(compgen -f -- "$cur"))
}
complete -F _daybook daybook
