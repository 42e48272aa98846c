#include "tests/simulation/canary.h"

namespace daybook::sim {

Canary active_canary = Canary::none;

}  // namespace daybook::sim
