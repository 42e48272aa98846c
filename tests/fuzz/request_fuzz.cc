// The keeper's socket: requests from other processes, and a keeper's answers to us.
#include "runner/service/requests.h"
#include "statemachine/decide.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  if (const auto request = request_from_wire(text)) {
    const auto again = request_from_wire(to_wire(*request));
    DAYBOOK_ASSERT(again && again->verb == request->verb && again->arguments == request->arguments);
    if (const auto command = command_of(*request)) {
      static const State empty;
      const Context context{};
      (void)decide(empty, context, *command);
    }
  }
  if (const auto answer = answer_from_wire(text)) {
    const auto again = answer_from_wire(to_wire(*answer));
    DAYBOOK_ASSERT(again.has_value() && again->has_value() == answer->has_value());
  }
  return 0;
}
