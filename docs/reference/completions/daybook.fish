# made by: daybook completion fish
complete -c daybook -f
complete -c daybook -n __fish_use_subcommand -a quickstart -d 'write a demo project and run it'
complete -c daybook -n __fish_use_subcommand -a init -d 'make a book for a project'
complete -c daybook -n __fish_use_subcommand -a check -d 'check pipelines and contracts'
complete -c daybook -n __fish_use_subcommand -a plan -d 'what a run would do, and why'
complete -c daybook -n __fish_use_subcommand -a run -d 'run a pipeline'
complete -c daybook -n __fish_use_subcommand -a rerun -d 'run again what failed'
complete -c daybook -n __fish_use_subcommand -a runs -d 'what ran'
complete -c daybook -n __fish_use_subcommand -a pause -d 'start no new work'
complete -c daybook -n __fish_use_subcommand -a resume -d 'take a pause back'
complete -c daybook -n __fish_use_subcommand -a cancel -d 'cancel a run, a partition, a pipeline or all'
complete -c daybook -n __fish_use_subcommand -a reconcile -d 'compare the sinks with the book'
complete -c daybook -n __fish_use_subcommand -a hold -d 'partitions that wait for a decision'
complete -c daybook -n __fish_use_subcommand -a quarantine -d 'records and partitions that were set aside'
complete -c daybook -n __fish_use_subcommand -a compensate -d 'take back what was loaded'
complete -c daybook -n __fish_use_subcommand -a approvals -d 'what waits for a signature'
complete -c daybook -n __fish_use_subcommand -a principals -d 'who may sign'
complete -c daybook -n __fish_use_subcommand -a erase -d 'make what the book keeps of records and inputs unreadable'
complete -c daybook -n __fish_use_subcommand -a legal-hold -d 'what may not be erased'
complete -c daybook -n __fish_use_subcommand -a diff -d 'what differs between two runs'
complete -c daybook -n __fish_use_subcommand -a bisect -d 'the first entry at which two books part, or one departs from itself'
complete -c daybook -n __fish_use_subcommand -a replay -d 'do a run again in a sandbox, as it was or as it might have been'
complete -c daybook -n __fish_use_subcommand -a lineage -d 'where a column comes from'
complete -c daybook -n __fish_use_subcommand -a impact -d 'what a column, a file or a run reaches'
complete -c daybook -n __fish_use_subcommand -a ledger -d 'the book for those who check it elsewhere'
complete -c daybook -n __fish_use_subcommand -a serve-tiles -d 'serve the book to verifiers over HTTP, on this machine'
complete -c daybook -n __fish_use_subcommand -a trace -d 'tell the story of one row'
complete -c daybook -n __fish_use_subcommand -a prove -d 'write a proof of one row that others check offline'
complete -c daybook -n __fish_use_subcommand -a state -d 'where every partition stands'
complete -c daybook -n __fish_use_subcommand -a log -d 'the entries of the book'
complete -c daybook -n __fish_use_subcommand -a explain -d 'why a partition is where it is, entry by entry'
complete -c daybook -n __fish_use_subcommand -a sql -d 'ask the book in SQL'
complete -c daybook -n __fish_use_subcommand -a evidence -d 'hand over a part of the book, for others to check'
complete -c daybook -n __fish_use_subcommand -a verify -d 'check the whole book'
complete -c daybook -n __fish_use_subcommand -a doctor -d 'check the machine and the book'\''s folder'
complete -c daybook -n __fish_use_subcommand -a completion -d 'print completions for a shell'
complete -c daybook -n __fish_use_subcommand -a help -d 'help for a command or a topic'
complete -c daybook -n __fish_use_subcommand -a version -d 'versions of this program and its engine'
complete -c daybook -n '__fish_seen_subcommand_from runs' -a list -d 'list runs, newest first'
complete -c daybook -n '__fish_seen_subcommand_from runs' -a show -d 'one run, partition by partition'
complete -c daybook -n '__fish_seen_subcommand_from hold' -a list -d 'partitions that wait for a decision'
complete -c daybook -n '__fish_seen_subcommand_from hold' -a load -d 'load a held partition in spite of its gates'
complete -c daybook -n '__fish_seen_subcommand_from hold' -a discard -d 'drop what a held partition staged'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a list -d 'records that were set aside'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a groups -d 'how many records broke which rule'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a show -d 'one record, with its original bytes'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a amend -d 'give a record new bytes'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a release -d 'let records pass'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a discard -d 'never load records'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a export -d 'write records as JSONL'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a import -d 'amend records from JSONL'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a partitions -d 'partitions that were set aside as a whole'
complete -c daybook -n '__fish_seen_subcommand_from quarantine' -a release-partition -d 'try a partition that was set aside again'
complete -c daybook -n '__fish_seen_subcommand_from compensate' -a plan -d 'what taking a load back would do, with numbers'
complete -c daybook -n '__fish_seen_subcommand_from compensate' -a propose -d 'propose to take a load back'
complete -c daybook -n '__fish_seen_subcommand_from compensate' -a list -d 'compensations, newest first'
complete -c daybook -n '__fish_seen_subcommand_from compensate' -a show -d 'one compensation, step by step'
complete -c daybook -n '__fish_seen_subcommand_from compensate' -a start -d 'carry out an approved compensation'
complete -c daybook -n '__fish_seen_subcommand_from compensate' -a withdraw -d 'take a proposal back, or give up what can not go on'
complete -c daybook -n '__fish_seen_subcommand_from approvals' -a list -d 'what waits for a signature'
complete -c daybook -n '__fish_seen_subcommand_from approvals' -a show -d 'one approval: what it is about and who may sign'
complete -c daybook -n '__fish_seen_subcommand_from approvals' -a text -d 'print exactly what is to be signed'
complete -c daybook -n '__fish_seen_subcommand_from approvals' -a approve -d 'sign, with the SSH key you have'
complete -c daybook -n '__fish_seen_subcommand_from approvals' -a reject -d 'decide against'
complete -c daybook -n '__fish_seen_subcommand_from principals' -a add -d 'enrol a person and a key'
complete -c daybook -n '__fish_seen_subcommand_from principals' -a revoke -d 'a person may no longer sign'
complete -c daybook -n '__fish_seen_subcommand_from principals' -a list -d 'who may sign'
complete -c daybook -n '__fish_seen_subcommand_from erase' -a plan -d 'what an erasure would take, with numbers'
complete -c daybook -n '__fish_seen_subcommand_from erase' -a propose -d 'propose an erasure'
complete -c daybook -n '__fish_seen_subcommand_from erase' -a list -d 'erasures, newest first'
complete -c daybook -n '__fish_seen_subcommand_from erase' -a show -d 'the receipt of an erasure'
complete -c daybook -n '__fish_seen_subcommand_from erase' -a start -d 'carry out an approved erasure'
complete -c daybook -n '__fish_seen_subcommand_from erase' -a withdraw -d 'take a proposal back'
complete -c daybook -n '__fish_seen_subcommand_from legal-hold' -a add -d 'keep what may be evidence'
complete -c daybook -n '__fish_seen_subcommand_from legal-hold' -a list -d 'what is kept, and why'
complete -c daybook -n '__fish_seen_subcommand_from legal-hold' -a release -d 'end a hold'
complete -c daybook -n '__fish_seen_subcommand_from ledger' -a export -d 'write the book as files that others verify'
complete -c daybook -n '__fish_seen_subcommand_from ledger' -a prove -d 'write one entry and the proof that it is in the book'
complete -c daybook -n '__fish_seen_subcommand_from ledger' -a prove-completeness -d 'prove that no partition of a range is missing'
complete -c daybook -n '__fish_seen_subcommand_from ledger' -a prove-conservation -d 'prove that no row of a partition was lost'
complete -c daybook -n '__fish_seen_subcommand_from ledger' -a key -d 'print the key that verifies the book'\''s signatures'
complete -c daybook -n '__fish_seen_subcommand_from ledger' -a new-origin -d 'go on under another name after the newer book was lost'
complete -c daybook -n '__fish_seen_subcommand_from ledger' -a witness -d 'have somebody cosign each checkpoint'
complete -c daybook -n '__fish_seen_subcommand_from ledger' -a timestamp -d 'have an authority say when the latest checkpoint was there'
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from key' -a rotate -d 'replace the key that signs the book'
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from witness' -a add -d 'have somebody cosign each checkpoint'
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from witness' -a remove -d 'ask a witness no more'
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from witness' -a list -d 'who cosigns, and up to where'
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from witness' -a collect -d 'sign what is there, and have it cosigned now'
complete -c daybook -l book -d 'the book: its .daybook folder, or the project that holds it' -r -F
complete -c daybook -l output -s o -d 'form of the result: text, wide (text, never cut), json, jsonl or csv' -x -a 'text wide json jsonl csv'
complete -c daybook -l fields -d 'only these fields of each item' -x
complete -c daybook -l time -d 'how text shows times: relative, iso or raw (microseconds)' -x -a 'relative iso raw'
complete -c daybook -l quiet -s q -d 'no talk on standard error save problems'
complete -c daybook -l color -d 'colour: auto, always or never' -x -a 'auto always never'
complete -c daybook -l error-format -d 'form of problems: text, or json (RFC 9457)' -x -a 'text json'
complete -c daybook -l yes -s y -d 'answer every question with yes'
complete -c daybook -l no-input -d 'never ask; what would need an answer is refused'
complete -c daybook -l help -s h -d 'what this command does, with examples'
complete -c daybook -n '__fish_seen_subcommand_from quickstart' -F
complete -c daybook -n '__fish_seen_subcommand_from quickstart' -l rows -d 'records in the feed (default 230000)' -x
complete -c daybook -n '__fish_seen_subcommand_from quickstart' -l no-run -d 'write the files and the book, and run nothing'
complete -c daybook -n '__fish_seen_subcommand_from init' -F
complete -c daybook -n '__fish_seen_subcommand_from init' -l anchor -d 'where the head of the ledger is kept; best on another device' -r -F
complete -c daybook -n '__fish_seen_subcommand_from check' -F
complete -c daybook -n '__fish_seen_subcommand_from check' -l strict -d 'warnings count as errors'
complete -c daybook -n '__fish_seen_subcommand_from plan' -F
complete -c daybook -n '__fish_seen_subcommand_from plan' -l partition -d 'only this partition; may be given several times' -x
complete -c daybook -n '__fish_seen_subcommand_from plan' -l force -d 'as if nothing were known to be unchanged'
complete -c daybook -n '__fish_seen_subcommand_from plan' -l exit-code -d 'exit 11 where there is something to do'
complete -c daybook -n '__fish_seen_subcommand_from plan' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from run' -F
complete -c daybook -n '__fish_seen_subcommand_from run' -l partition -d 'only this partition; may be given several times' -x
complete -c daybook -n '__fish_seen_subcommand_from run' -l force -d 'do it again even where nothing changed'
complete -c daybook -n '__fish_seen_subcommand_from run' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from run' -l idempotency-key -d 'asking again with the same key starts nothing new' -x
complete -c daybook -n '__fish_seen_subcommand_from run' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from rerun' -F
complete -c daybook -n '__fish_seen_subcommand_from rerun' -l partition -d 'only this partition; may be given several times' -x
complete -c daybook -n '__fish_seen_subcommand_from rerun' -l failed -d 'what failed or is missing (the default)'
complete -c daybook -n '__fish_seen_subcommand_from rerun' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from rerun' -l idempotency-key -d 'asking again with the same key starts nothing new' -x
complete -c daybook -n '__fish_seen_subcommand_from rerun' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from runs; and __fish_seen_subcommand_from list' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from runs; and __fish_seen_subcommand_from list' -l state -d 'open, succeeded, failed, held, cancelled' -x -a 'open succeeded failed held cancelled'
complete -c daybook -n '__fish_seen_subcommand_from runs; and __fish_seen_subcommand_from list' -l limit -d 'at most so many (default 50)' -x
complete -c daybook -n '__fish_seen_subcommand_from runs; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from runs; and __fish_seen_subcommand_from show' -l events -d 'every entry of the run as well'
complete -c daybook -n '__fish_seen_subcommand_from runs; and __fish_seen_subcommand_from show' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from pause' -l pipeline -d 'a pipeline by its name' -x
complete -c daybook -n '__fish_seen_subcommand_from pause' -l run -d 'one run' -x
complete -c daybook -n '__fish_seen_subcommand_from pause' -l partition -d 'one partition; with --pipeline where several have it' -x
complete -c daybook -n '__fish_seen_subcommand_from pause' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from pause' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from resume' -l pipeline -d 'a pipeline by its name' -x
complete -c daybook -n '__fish_seen_subcommand_from resume' -l run -d 'one run' -x
complete -c daybook -n '__fish_seen_subcommand_from resume' -l partition -d 'one partition; with --pipeline where several have it' -x
complete -c daybook -n '__fish_seen_subcommand_from resume' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from resume' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from cancel' -l pipeline -d 'a pipeline by its name' -x
complete -c daybook -n '__fish_seen_subcommand_from cancel' -l partition -d 'one partition; with --pipeline where several have it' -x
complete -c daybook -n '__fish_seen_subcommand_from cancel' -l all -d 'every open run of the book'
complete -c daybook -n '__fish_seen_subcommand_from cancel' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from cancel' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from reconcile' -F
complete -c daybook -n '__fish_seen_subcommand_from reconcile' -l deep -d 're-read the data too, not the markers alone'
complete -c daybook -n '__fish_seen_subcommand_from reconcile' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from hold; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from hold; and __fish_seen_subcommand_from load' -l pipeline -d 'a pipeline by its name' -x
complete -c daybook -n '__fish_seen_subcommand_from hold; and __fish_seen_subcommand_from load' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from hold; and __fish_seen_subcommand_from load' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from hold; and __fish_seen_subcommand_from discard' -l pipeline -d 'a pipeline by its name' -x
complete -c daybook -n '__fish_seen_subcommand_from hold; and __fish_seen_subcommand_from discard' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from hold; and __fish_seen_subcommand_from discard' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from list' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from list' -l partition -d 'only of this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from list' -l rule -d 'only records that broke this rule' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from list' -l status -d 'held, amended, released, delivered, discarded, erased or all (default: held and amended)' -x -a 'held amended released delivered discarded erased all'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from list' -l limit -d 'at most so many (default 100; 0: all)' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from groups' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from groups' -l partition -d 'only of this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from groups' -l status -d 'held, amended, released, delivered, discarded, erased or all (default: held and amended)' -x -a 'held amended released delivered discarded erased all'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from groups' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from show' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from amend' -l text -d 'the whole record as it should have come' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from amend' -l file -d 'the same from a file; - is stdin' -r -F
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from amend' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from amend' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release' -l partition -d 'only of this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release' -l rule -d 'only records that broke this rule' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release' -l all-amended -d 'every amended record that waits'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release' -l no-run -d 'decide now, load with the next run'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from discard' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from discard' -l partition -d 'only of this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from discard' -l rule -d 'only records that broke this rule' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from discard' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from discard' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from export' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from export' -l partition -d 'only of this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from export' -l rule -d 'only records that broke this rule' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from export' -l status -d 'held, amended, released, delivered, discarded, erased or all (default: held and amended)' -x -a 'held amended released delivered discarded erased all'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from export' -l file -d 'write here instead of stdout; must be new' -r -F
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from export' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from import' -F
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from import' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from import' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from partitions' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from partitions' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release-partition' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release-partition' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from quarantine; and __fish_seen_subcommand_from release-partition' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from plan' -l run -d 'what this run loaded' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from plan' -l partition -d 'what stands in this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from plan' -l pipeline -d 'of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from plan' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from propose' -l run -d 'what this run loaded' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from propose' -l partition -d 'what stands in this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from propose' -l pipeline -d 'of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from propose' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from propose' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from list' -l open -d 'only what is not finished or withdrawn'
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from show' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from start' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from withdraw' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from compensate; and __fish_seen_subcommand_from withdraw' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from list' -l all -d 'also what was decided'
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from show' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from text' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from approve' -l key -d 'an SSH private key (or a public one whose private half an agent holds)' -r -F
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from approve' -l signature -d 'a signature made by ssh-keygen -Y sign' -r -F
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from approve' -l as -d 'the enrolled name that signs (default: the local user); the signature proves it' -x
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from approve' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from reject' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from reject' -l as -d 'the enrolled name that signs (default: the local user); the signature proves it' -x
complete -c daybook -n '__fish_seen_subcommand_from approvals; and __fish_seen_subcommand_from reject' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from principals; and __fish_seen_subcommand_from add' -l key -d 'the OpenSSH public key' -r -F
complete -c daybook -n '__fish_seen_subcommand_from principals; and __fish_seen_subcommand_from add' -l role -d 'admin, operator, steward, approver or reader; may be given several times' -x
complete -c daybook -n '__fish_seen_subcommand_from principals; and __fish_seen_subcommand_from add' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from principals; and __fish_seen_subcommand_from revoke' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from principals; and __fish_seen_subcommand_from revoke' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from principals; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from plan' -l subject -d 'records and inputs with exactly this value in this column (* is any column); any of several is enough' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from plan' -l subjects -d 'the same, one a line, out of sight of the shell'\''s history; - is stdin' -r -F
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from plan' -l record -d 'BATCH, BATCH:RECORD or BATCH:FIRST-LAST' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from plan' -l run -d 'all that this run set aside, and its inputs' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from plan' -l expired -d 'all that was kept as long as its pipeline'\''s retention says'
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from plan' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from plan' -l only -d 'only quarantined records, or only retained inputs' -x -a 'quarantine inputs'
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from plan' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l subject -d 'records and inputs with exactly this value in this column (* is any column); any of several is enough' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l subjects -d 'the same, one a line, out of sight of the shell'\''s history; - is stdin' -r -F
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l record -d 'BATCH, BATCH:RECORD or BATCH:FIRST-LAST' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l run -d 'all that this run set aside, and its inputs' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l expired -d 'all that was kept as long as its pipeline'\''s retention says'
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l only -d 'only quarantined records, or only retained inputs' -x -a 'quarantine inputs'
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from propose' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from list' -l open -d 'only what is not finished or withdrawn'
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from show' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from start' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from withdraw' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from erase; and __fish_seen_subcommand_from withdraw' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from add' -l run -d 'what it read' -x
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from add' -l partition -d 'what was read for it' -x
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from add' -l pipeline -d 'all it read; or whose partition' -x
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from add' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from add' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from list' -l all -d 'also what was released'
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from release' -l reason -d 'why; kept in the book' -x
complete -c daybook -n '__fish_seen_subcommand_from legal-hold; and __fish_seen_subcommand_from release' -l dry-run -d 'say what would be done, and do nothing'
complete -c daybook -n '__fish_seen_subcommand_from diff' -l partition -d 'only this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from diff' -l key -d 'match rows by this column; may be repeated' -x
complete -c daybook -n '__fish_seen_subcommand_from diff' -l limit -d 'at most so many rows of each kind a partition (default 10)' -x
complete -c daybook -n '__fish_seen_subcommand_from diff' -l no-rows -d 'leave the rows out'
complete -c daybook -n '__fish_seen_subcommand_from diff' -l exit-code -d 'exit 11 where there is a difference'
complete -c daybook -n '__fish_seen_subcommand_from diff' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from bisect' -F
complete -c daybook -n '__fish_seen_subcommand_from bisect' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from replay' -l partition -d 'only this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from replay' -l with -d 'under this pipeline file' -r -F
complete -c daybook -n '__fish_seen_subcommand_from replay' -l with-contract -d 'with this contract in place of the one of its id or name; may be repeated' -r -F
complete -c daybook -n '__fish_seen_subcommand_from replay' -l key -d 'match rows by this column; may be repeated' -x
complete -c daybook -n '__fish_seen_subcommand_from replay' -l limit -d 'at most so many records and rows of each kind a partition (default 10)' -x
complete -c daybook -n '__fish_seen_subcommand_from replay' -l exit-code -d 'exit 11 where other decisions would have been made'
complete -c daybook -n '__fish_seen_subcommand_from replay' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from lineage' -l definition -d 'this pipeline file instead of the book'\''s; may be repeated' -r -F
complete -c daybook -n '__fish_seen_subcommand_from lineage' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from impact' -l definition -d 'this pipeline file instead of the book'\''s; may be repeated' -r -F
complete -c daybook -n '__fish_seen_subcommand_from impact' -l limit -d 'at most so many loads as text (default 50; 0: all)' -x
complete -c daybook -n '__fish_seen_subcommand_from impact' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from export' -F
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from export' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove' -F
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-completeness' -F
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-completeness' -l from -d 'the first partition (default: the first of all)' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-completeness' -l to -d 'the last partition, included' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-completeness' -l every -d 'each day or month between them is to be there' -x -a 'day month'
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-completeness' -l sink -d 'where a pipeline wrote to several' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-completeness' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-conservation' -F
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-conservation' -l pipeline -d 'of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-conservation' -l generation -d 'this one (default: what stands, else the last)' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from prove-conservation' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from key' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from key; and __fish_seen_subcommand_from rotate' -l reason -d 'why, for the book' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from new-origin' -l reason -d 'why, for the book' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from new-origin' -l origin -d 'the new one (default: the book'\''s name and a number)' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from witness; and __fish_seen_subcommand_from add' -l dry-run -d 'only say what would be recorded'
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from witness; and __fish_seen_subcommand_from remove' -l reason -d 'why, for the book' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from witness; and __fish_seen_subcommand_from remove' -l dry-run -d 'only say what would be recorded'
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from witness; and __fish_seen_subcommand_from list' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from timestamp' -l tsa -d 'the authority, asked now' -x
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from timestamp' -l request -d 'write the request (.tsq) to be sent by hand' -r -F
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from timestamp' -l response -d 'what came back (.tsr) for the last --request' -r -F
complete -c daybook -n '__fish_seen_subcommand_from ledger; and __fish_seen_subcommand_from timestamp' -l ca -d 'the authority'\''s root certificate, PEM' -r -F
complete -c daybook -n '__fish_seen_subcommand_from serve-tiles' -F
complete -c daybook -n '__fish_seen_subcommand_from serve-tiles' -l listen -d 'a loopback address and a port (default: 127.0.0.1 and a free port)' -x
complete -c daybook -n '__fish_seen_subcommand_from serve-tiles' -l for -d 'end after so long' -x
complete -c daybook -n '__fish_seen_subcommand_from trace' -l partition -d 'look in this partition alone; otherwise newest first until it is found' -x
complete -c daybook -n '__fish_seen_subcommand_from trace' -l generation -d 'as this generation had it (default: the current one)' -x
complete -c daybook -n '__fish_seen_subcommand_from trace' -l history -d 'every earlier generation of the partition, too'
complete -c daybook -n '__fish_seen_subcommand_from trace' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from prove' -l partition -d 'look in this partition alone; otherwise newest first until it is found' -x
complete -c daybook -n '__fish_seen_subcommand_from prove' -l generation -d 'as this generation had it (default: the current one)' -x
complete -c daybook -n '__fish_seen_subcommand_from prove' -l to -s o -d 'the archive to write (default proof.zip); a folder for several keys' -r -F
complete -c daybook -n '__fish_seen_subcommand_from prove' -l without-source -d 'leave out the source records: they hold what the steps mask'
complete -c daybook -n '__fish_seen_subcommand_from prove' -l keys-file -d 'more keys, one a line' -r -F
complete -c daybook -n '__fish_seen_subcommand_from prove' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from state' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from state' -l phase -d 'only those in this phase, as the text names it: "verified", "held" …' -x
complete -c daybook -n '__fish_seen_subcommand_from state' -l gaps -d 'only what is expected and not there'
complete -c daybook -n '__fish_seen_subcommand_from state' -l summary -d 'how many in which phase, instead of each'
complete -c daybook -n '__fish_seen_subcommand_from state' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from log' -l from -d 'first entry (default: so that --limit end with the newest)' -x
complete -c daybook -n '__fish_seen_subcommand_from log' -l limit -d 'at most so many (default 50; 0: all)' -x
complete -c daybook -n '__fish_seen_subcommand_from log' -l kind -d 'only entries of this kind: LoadCommitted' -x
complete -c daybook -n '__fish_seen_subcommand_from log' -l partition -d 'only about this partition' -x
complete -c daybook -n '__fish_seen_subcommand_from log' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from log' -l run -d 'only of this run' -x
complete -c daybook -n '__fish_seen_subcommand_from log' -l follow -s f -d 'go on with what lands'
complete -c daybook -n '__fish_seen_subcommand_from log' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from explain' -l pipeline -d 'only of this pipeline' -x
complete -c daybook -n '__fish_seen_subcommand_from explain' -l all -d 'earlier generations too'
complete -c daybook -n '__fish_seen_subcommand_from explain' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from sql' -l tables -d 'the tables and columns instead'
complete -c daybook -n '__fish_seen_subcommand_from sql' -l limit -d 'at most so many rows (default 1000 as text, all in other forms; 0: all)' -x
complete -c daybook -n '__fish_seen_subcommand_from sql' -l memory -d 'what the query may keep while it works (default 512)' -x
complete -c daybook -n '__fish_seen_subcommand_from sql' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from evidence' -F
complete -c daybook -n '__fish_seen_subcommand_from evidence' -l run -d 'about this run' -x
complete -c daybook -n '__fish_seen_subcommand_from evidence' -l compensation -d 'about this compensation' -x
complete -c daybook -n '__fish_seen_subcommand_from evidence' -l from -d 'every entry from this one, or this time, on' -x
complete -c daybook -n '__fish_seen_subcommand_from evidence' -l to -d 'up to this one, or this time' -x
complete -c daybook -n '__fish_seen_subcommand_from evidence' -l with-records -d 'the bytes of quarantined records, too'
complete -c daybook -n '__fish_seen_subcommand_from evidence' -l as-of -d 'the book as it was after this many entries, or at this time' -x
complete -c daybook -n '__fish_seen_subcommand_from verify' -l as-of -d 'the book as it was after this many entries, or at this time' -x
