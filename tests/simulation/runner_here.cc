// What the product's runner does about loads, as keeper_here.cc has its keeper.
#include "replay/signatures.h"
#include "runner/connect/crash_point.h"
#include "runner/connect/failure.h"
#include "runner/fence.h"
#include "runner/load_attempt.h"
#include "runner/outside.h"
#include "runner/runner.h"
#include "runner/sink_memory.h"
#include "tests/simulation/canary_rules.h"

#define attempt_load attempt_load_here
#define load_identity load_identity_here
#include "runner/runner_load.cc"
