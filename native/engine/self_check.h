#pragma once

#include <optional>
#include <string>

#include "engine/address_space_table.h"
#include "engine/region_table.h"
#include "engine/render_rules.h"
#include "engine/status.h"
#include "engine/view_table.h"

namespace flatview::engine {

// What the self-check found wrong: a mistake of the engine.
struct SelfCheckFailure {
  RegionId view_root;
  std::string message;  // an English sentence
};

// Renders every address space's view from the rows alone, and compares: the view root, the ranges,
// and that a view is another object only where its ranges differ. `status` is what the engine makes
// of the commit: it must refuse what can't be rendered, and nothing else.
std::optional<SelfCheckFailure> CheckViews(const RegionTable& regions,
                                           const AddressSpaceTable& spaces, const ViewTable& views,
                                           const Status& status, const RenderBudget& budget);

}  // namespace flatview::engine
