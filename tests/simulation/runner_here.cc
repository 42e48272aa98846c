// The product's runner, as keeper_here.cc has its keeper.
#include "replay/signatures.h"
#include "runner/attempt.h"
#include "runner/connect/crash_point.h"
#include "runner/fence.h"
#include "runner/outside.h"
#include "runner/quarantine.h"
#include "runner/runner.h"
#include "runner/sink_memory.h"
#include "tests/simulation/canary_rules.h"

#define load_identity load_identity_here
#include "runner/runner.cc"
