// Evidence for people: one HTML page and one text. Made from checked evidence alone, byte for byte
// the same on every machine.
#pragma once

#include <string>

#include "replay/evidence.h"

namespace daybook {

std::string evidence_report(const Evidence& evidence, const EvidenceFacts& facts);
std::string evidence_readme(const Evidence& evidence, const EvidenceFacts& facts);

}  // namespace daybook
