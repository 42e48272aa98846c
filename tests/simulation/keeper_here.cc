// The product's keeper, compiled once more for the simulator so that canaries can stand between it
// and the rules. Its headers come first: what they declare keeps its name.
#include "ledger/anchor.h"
#include "ledger/assertion.h"
#include "ledger/codec/event_codec.h"
#include "ledger/keys.h"
#include "ledger/payload_store.h"
#include "replay/checkpoint.h"
#include "replay/fold.h"
#include "replay/queries.h"
#include "runner/erasure.h"
#include "runner/keeper.h"
#include "runner/storage.h"
#include "statemachine/effects.h"
#include "tests/simulation/canary_rules.h"

#define decide decide_here
#define apply apply_here
#define violations violations_here
#include "runner/keeper.cc"
