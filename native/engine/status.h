#pragma once

#include <cstdint>

namespace flatview::engine {

// Why a batch was refused. The values cross to TypeScript.
enum class Refusal : int32_t {
  kNone = 0,
  // An alias shows a region within itself for ever: clipping doesn't end it. Subject: the alias.
  kEndlessAlias = -1,
  // Containment and aliases nest deeper than kMaxDepth. Subject: the region there.
  kTooDeep = -2,
  // Aliases multiply beyond the RenderBudget. Subject: the root of the view.
  kTooMuchWork = -3,
  // A record is no record, or would break the table. Subject: the index of the record.
  kMalformed = -4,
  // The self-check found a mistake of the engine's own. Subject: the root of the view.
  kSelfCheck = -5,
};

// Success, or a refusal and what it is about: nothing was changed.
struct [[nodiscard]] Status {
  Refusal refusal = Refusal::kNone;
  uint32_t subject = 0;

  bool ok() const { return refusal == Refusal::kNone; }
};

}  // namespace flatview::engine
