"""The faults of the model: what is promised, which tests show it, and which campaigns count it.

A test is named as Suite.Name (GoogleTest), as file.py::method, or as a script of a campaign. A count is
(report, fault) in build/soak/<report>.json; a row without one is counted by its tests (test_runs.py).
"""

import collections

Fault = collections.namedtuple("Fault", "group name promise tests counts")


def kills(what):
    return [(name + mode, what) for name in ("kills-csv", "kills-postgres") for mode in ("", "-merge")]


def pauses(what):
    return [("pauses-csv", what), ("pauses-postgres", what)]


def simulated(*what):
    return [("simulation", one) for one in what]


FAULTS = [
    # --- the process
    Fault("Process", "`kill -9` at any instruction",
          "nothing acknowledged is lost, no partition is loaded twice, no manual step",
          ["kill_runs.py", "Book.LosesNothingAcknowledgedWhenKilled", "SinkKill.NeitherLosesNorDoublesALoad"],
          kills("kill -9") + simulated("kill")),
    Fault("Process", "`kill -9` during the recovery from one", "the same; recovery may be repeated at will",
          ["kill_runs.py", "SinkContract.HoldsEveryLoadOnceWhereverTheProcessDied"],
          kills("kill -9 during recovery")),
    Fault("Process", "`kill -9` during a compensation", "the generation before stands afterwards, once, and wholly",
          ["kill_runs.py", "Compensation.ResumedAfterACrashRaisesTheFence"], kills("kill -9 during a compensation")),
    Fault("Process", "paused (SIGSTOP, a frozen machine), then resumed",
          "the run goes on and ends well; nobody else becomes the keeper meanwhile", ["pause_runs.py"],
          pauses("SIGSTOP, SIGCONT") + simulated("pause")),
    Fault("Process", "a late writer: resumed after another machine took the book over",
          "it loads nothing any more: the fence in the sink is above its own. A frozen process keeps its locks: "
          "its successor waits for them until PostgreSQL ends the session, or the process is killed, and gives no load "
          "up meanwhile",
          ["pause_runs.py", "SinkContract.RefusesAZombieAndKeepsNothingOfIt",
           "Simulation.GivesUpNoLoadThatALateWriterStillBringsIn"],
          pauses("zombie resumed after a takeover") + simulated("takeover")),
    Fault("Process", "several keepers at once", "one gets the book, the others exit with 6", ["keeper_runs.py",
          "control_test.py::test_a_second_keeper_is_turned_away_and_writes_nothing"],
          [("keepers", "several keepers at once")]),
    Fault("Process", "a second keeper beside one that lives", "it changes no byte",
          ["keeper_runs.py", "Book.HasOneKeeperAndNamesIt"], [("keepers", "second keeper beside one that lives")]),
    Fault("Process", "the file of the lock is deleted", "no second keeper gets in",
          ["keeper_runs.py", "hostile_test.py::test_a_second_run_is_refused_also_when_the_lock_file_was_deleted"],
          [("keepers", "lock file deleted")]),
    # --- storage of the book
    Fault("Book", "disk full", "the run stops and says why; what is there stays readable and good; with room again "
          "the next run goes on (a partition whose attempts were spent waits to be released)",
          ["full_disk.py", "StorageFault.LosesNothingAcknowledgedAtAnyOperation",
           "hostile_test.py::test_a_full_disk_below_the_output_is_an_answer_and_the_run_stands"],
          [("full-disk", "disk full (tmpfs)"), ("full-disk", "file size limit (RLIMIT_FSIZE)")] + simulated("disk-full")),
    Fault("Book", "I/O errors; a failed fsync", "the process stops at the first failed write; a failed fsync is "
          "never repeated; the next start recovers", ["StorageFault.LosesNothingAcknowledgedAtAnyOperation",
                                                      "MemoryLedger.StopsAtAFailedAppendUntilRestarted"],
          simulated("io-error")),
    Fault("Book", "power loss, torn writes", "acknowledged entries survive; what was not acknowledged may vanish; "
          "never a gap", ["StorageFault.LosesNothingAcknowledgedAtAnyOperation",
                          "Book.IsRefusedWhenItsLogIsCutAnywhere", "Book.KeepsEntriesThatCameAfterTheAnchor"],
          simulated("power-loss", "torn-writes")),
    Fault("Book", "the wall clock jumps, by years, forth and back", "entries keep their order and recorded time never "
          "goes back; no retry waits for the clock to come back", ["Simulation.WaitsForNoWallClock"],
          simulated("clock")),
    Fault("Book", "a flipped bit in any file", "refused at open or named by `verify`; never a shorter or another "
          "history served as good; not one byte changed", ["damage_runs.py", "Book.IsNeverServedDamaged",
          "damage_test.py::test_no_changed_byte_goes_unnoticed"], [("damage", "bit flipped")] + simulated("damage")),
    Fault("Book", "zeroed bytes, a cut or a lengthened file", "the same",
          ["damage_runs.py", "damage_test.py::test_no_file_can_be_cut_short_or_taken_away"],
          [("damage", "bytes zeroed"), ("damage", "file cut short"), ("damage", "bytes appended")]),
    Fault("Book", "a file taken away", "the same", ["damage_runs.py",
          "hostile_test.py::test_a_database_that_lost_a_file_is_refused"], [("damage", "file taken away")]),
    Fault("Book", "a file replaced by an older version of itself", "the same; an older anchor is good where the log "
          "goes through it", ["damage_runs.py",
                              "hostile_test.py::test_an_older_anchor_is_taken_when_the_chain_goes_through_it"],
          [("damage", "older version of a file")]),
    Fault("Book", "the whole directory restored from an old backup", "with a witness: the next run is refused before "
          "it does anything, and nothing is signed. Without one `reconcile` finds markers the book does not know; the "
          "book alone can not tell, nor can `verify`",
          ["damage_runs.py", "trust_test.py::test_an_old_copy_is_refused_before_it_does_anything",
           "trust_test.py::test_an_old_copy_that_went_on_alone_is_found_out_when_it_asks"],
          [("damage", "whole book from a backup")]),
    Fault("Book", "killed while the signing key is replaced", "one of the two keys signs, as the book says; the next "
          "start puts the files right", ["trust_test.py::test_killed_anywhere_it_is_one_key_or_the_other"], []),
    Fault("Book", "entries edited, reordered or cut by an operator", "named by `verify` and by the offline verifier "
          "with the pinned key", ["VerifyExport.SeesThroughEntriesAndTilesThatWereChangedTogether",
                                  "Verify.FindsThatEntriesAreGone", "Verify.FindsASignedFork"], []),
    Fault("Book", "another version of Daybook", "old books replay to their recorded state roots; a newer entry is "
          "refused by name, nothing is skipped", ["EventCodec.SaysThatAKindIsNewerThanItself",
                                                  "EventCodec.KeepsTheBytesOfWrittenBooks"], []),
    Fault("Book", "our own fold differs from what it was", "the state root recorded at each checkpoint is reached "
          "again, or `verify` says at which entry it is not", ["Verify.FindsAStateRootThatIsNotReached",
                                                               "Apply.FoldsTheSameEntriesToTheSameState"],
          simulated("replayed")),
    # --- sinks
    Fault("Sinks", "PostgreSQL shut down in immediate mode under load", "each partition loaded exactly once, by this "
          "run or the next", ["postgres_runs.py"], [("postgres", "PostgreSQL shut down in immediate mode")] + simulated("server-crash")),
    Fault("Sinks", "a process of PostgreSQL killed", "the same", ["postgres_runs.py"],
          [("postgres", "PostgreSQL process killed")]),
    Fault("Sinks", "COMMIT sent, its answer lost", "never guessed: the load stays *intended* until the sink, asked "
          "under a higher fence, says what became of it", ["postgres_runs.py",
                                                           "PostgresSink.LeavesALostAnswerToCommitToSettle"],
          [("postgres", "COMMIT sent, answer lost"), ("postgres", "COMMIT sent, answer cut short")]
          + simulated("lost-answer")),
    Fault("Sinks", "the connection cut anywhere else", "rolled back by the server; tried again", ["postgres_runs.py",
          "PostgresSink.SaysThatAServerDoesNotAnswer"],
          [("postgres", "connection cut before COMMIT"), ("postgres", "connection cut at a random byte")]),
    Fault("Sinks", "errors of the server (SQLSTATE)", "classified: tried again with growing pauses, set aside, or for "
          "a person; never an endless loop", ["Sqlstate.EveryClassIsTreatedAsItShould",
                                              "Sqlstate.NamesTheRuleThatClassified"],
          simulated("server-error")),
    Fault("Sinks", "a target that would not survive a crash (UNLOGGED, fsync off)", "refused before anything is "
          "planned", ["PostgresSink.RefusesTargetsThatDoNotSurviveACrash", "PostgresSink.RefusesAServerWithoutFsync"],
          []),
    Fault("Sinks", "loaded data changed or removed later", "`reconcile --deep` names it; what is lost is loaded again",
          ["SinkContract.FindsChangedRemovedAndAddedData",
           "ourairports_test.py::test_a_truncated_table_is_named_partition_by_partition_and_loaded_again"],
          simulated("lost-tail")),
    Fault("Sinks", "others write into the same target", "their rows and files are left alone and out of the promise",
          ["SinkContract.LeavesWhatAnotherWriterPutThere"], []),
    # --- sources
    Fault("Sources", "a source that changes while it is read", "the attempt is void, and tried again",
          ["HostileSource.ThatChangesWhileItIsReadVoidsTheAttempt"], simulated("source changed")),
    Fault("Sources", "a source that is slow, fails, loses a partition or gets it back", "the attempt ends in time and is "
          "tried again with growing pauses, within bounds", ["Simulation.EndsWhateverItsSourcesDo"],
          simulated("source")),
    Fault("Sources", "malformed records", "set aside with their bytes, position and every rule they broke; what was read is all "
          "accounted for, or nothing is loaded", ["Examples.OurairportsAddUpInEverySnapshot",
          "ourairports_test.py::test_every_row_is_accounted_for_and_arrives_with_its_values"],
          simulated("records set aside")),
    Fault("Sources", "another schema than the contract's", "refused before anything is loaded",
          ["HostileCsv.HeadersMustSayWhatTheContractSays", "Parquet.HasTheColumnsOfTheContractInEveryFile"], []),
    # --- people and bytes
    Fault("People", "somebody pauses, resumes or cancels, at any scope and any moment", "what is past the intent of a "
          "load comes to its end; nothing starts that is paused; what is resumed goes on, and nothing waits for ever",
          ["control_test.py::test_of_a_cancelled_partition_the_others_go_on_and_the_next_run_takes_it_up",
           "Simulation.ComesToItsEndWhoeverInterferes"], simulated("interference")),
    Fault("People", "killed while payloads are erased", "the next start ends it before anything is read: what the "
          "receipt names can not be read again", ["Simulation.ErasesForGoodWhereverItWasKilled"], simulated("erased")),
    Fault("Input", "hostile bytes: entries, proofs, notes, keys, requests, definitions, tables", "an error with its "
          "place, within bounds; no crash", ["run.py", "Hostile.BytesAreAlwaysAnswered"], [("fuzz", None)]),
    Fault("Input", "hostile definitions and expressions", "refused at line and column; nothing outside the project "
          "is read, no secret shown", ["hostile_test.py::test_expressions_are_expressions_and_nothing_else",
                                       "Pipeline.PathsNeverLeaveTheProject"], []),
    Fault("Input", "hostile command lines", "refused with exit 2 or 3, nothing done",
          ["hostile_test.py::test_words_that_mean_nothing_do_nothing"], []),
]

# What the model of faults names and no test of ours shows, or what nobody can promise.
OUTSIDE = [
    "an attacker who holds the signing key and every witness; loss of every copy of the book;",
    "a disk that acknowledges flushes it never makes **and** loses the anchor to the same point;",
    "rows that others write into the same table or directory; effects of triggers;",
    "memory errors between parsing and hashing;",
    "two living keepers of two copies of one book: the fence stops the overtaken one wherever its successor has "
    "worked; a partition that the successor has not touched yet is open to it, and is then a conflict that a person "
    "settles, and nothing is appended to it or merged over it; a book has one writer;",
    "a PostgreSQL standby that is promoted without the last commits: `reconcile` finds it afterwards, nothing "
    "prevents it but a synchronous standby;",
    "a compensation of a load that such a standby lost can never be done: once the sink has said so, a person withdraws "
    "it (`daybook compensate withdraw`);",
    "exactly once for anything but the sinks above: a mail can not be taken back;",
    "not shown by a campaign: failed allocations (the process ends, as by `kill -9`), disks that hang for minutes, file "
    "systems without a true fsync.",
]
