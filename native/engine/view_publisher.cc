#include "engine/view_publisher.h"

namespace flatview::engine {

ViewPublisher::~ViewPublisher() {
  for (const auto& [space, entry] : channels_) {
    entry.channel->Close(ViewChannel::End::kEngineDestroyed);
  }
}

std::shared_ptr<ViewChannel> ViewPublisher::Channel(AddressSpaceId space, RegionId view_root,
                                                    const FlatViewPtr& view, uint64_t generation) {
  const auto [found, is_new] = channels_.try_emplace(space);
  if (is_new) {
    found->second = {view_root,
                     std::make_shared<ViewChannel>(PublishedView{view, generation, names_})};
    by_view_root_.insert({view_root, space});
  }
  return found->second.channel;
}

void ViewPublisher::Publish(const AddressSpaceTable& spaces, const ViewRootIndex& view_roots,
                            const ViewTable& views, uint64_t generation) {
  if (channels_.empty()) return;
  CloseRemoved(spaces);
  for (const ViewRootIndex::Move& move : view_roots.moves()) {
    const auto found = channels_.find(move.space);
    if (found == channels_.end()) continue;
    by_view_root_.erase({found->second.view_root, move.space});
    by_view_root_.insert({move.to, move.space});
    found->second.view_root = move.to;
    found->second.channel->Publish({views.Next(move.to), generation, names_});
  }
  for (const RegionId root : views.updated()) {
    auto reader = by_view_root_.lower_bound({root, 0});
    for (; reader != by_view_root_.end() && reader->first == root; ++reader) {
      channels_.at(reader->second).channel->Publish({views.Next(root), generation, names_});
    }
  }
}

void ViewPublisher::CloseRemoved(const AddressSpaceTable& spaces) {
  for (const AddressSpaceTable::Change& change : spaces.changes()) {
    const auto found = channels_.find(change.id);
    if (found == channels_.end() || !spaces.Find(change.id)->removed) continue;
    found->second.channel->Close(ViewChannel::End::kAddressSpaceRemoved);
    by_view_root_.erase({found->second.view_root, change.id});
    channels_.erase(found);
  }
}

}  // namespace flatview::engine
