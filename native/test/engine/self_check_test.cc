// The self-check must see what the engine gets wrong: here its parts are used so that it does.

#include "engine/self_check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/child_index.h"
#include "engine/indexed_subregions.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

class SelfCheckTest : public testing::Test {
 public:
  SelfCheckTest() {
    spaces_.Put({.id = 3, .root = 0, .watched = false, .wants_unchanged = false});
    spaces_.SetNextViewRoot(3, 0);
    const ViewRootIndex::Move move = {3, kNoRegion, 0};
    views_.Follow({&move, 1});
    Put(0, WholeSpace());
    Put(1, In(0, 0x1000, Leaf(0x100)));
    Put(2, In(0, 0x2000, Leaf(0x100)));
    Update({});
    views_.Keep();
    views_.Follow({});
  }

  void Put(RegionId id, const Region& region) {
    ASSERT_TRUE(regions_.Put(id, region, false, 0));
    children_.Sync(id);
  }

  // Renders new views, and otherwise only these windows of the view of region 0.
  void Update(const std::vector<Propagation::Window>& windows) {
    RenderBudget budget;
    ASSERT_TRUE(views_.Update(windows, budget, update_).ok());
  }

  std::string Check(const Status& status = {}) const {
    const auto failure = CheckViews(regions_, spaces_, views_, status, RenderBudget{});
    return failure ? failure->message : "";
  }

  RegionTable regions_;
  AddressSpaceTable spaces_;
  ViewTable views_;
  ChildIndex children_{regions_};
  IndexedSubregions subregions_{children_};
  WindowRenderer renderer_{regions_, subregions_};
  ViewUpdate update_{renderer_};
};

TEST_F(SelfCheckTest, TakesWhatIsRight) { EXPECT_EQ(Check(), ""); }

TEST_F(SelfCheckTest, SeesARangeThatWasNotRendered) {
  Put(2, In(0, 0x3000, Leaf(0x100)));
  EXPECT_EQ(Check(),
            "the view of region 0 shows 0x2000-0x20ff of region 2 at offset 0x0 with attributes "
            "0x0, and rendered from scratch 0x3000-0x30ff of region 2 at offset 0x0 with "
            "attributes 0x0");
  Update({{0, {0x2000, 0x30ff}}});
  EXPECT_EQ(Check(), "");
}

TEST_F(SelfCheckTest, SeesARangeTooManyAndOneTooFew) {
  Put(2, Leaf(0x100));
  EXPECT_NE(Check().find("and rendered from scratch nothing"), std::string::npos);
  Put(2, In(0, 0x2000, Leaf(0x100)));
  Put(4, In(0, 0x4000, Leaf(0x100)));
  EXPECT_NE(Check().find("shows nothing, and"), std::string::npos);
}

TEST_F(SelfCheckTest, SeesAnotherViewRoot) {
  spaces_.SetNextViewRoot(3, 1);
  EXPECT_EQ(Check(), "address space 3 has view root 1 instead of 0");
}

TEST_F(SelfCheckTest, SeesAnAliasWithoutEndThatWasTaken) {
  Put(5, In(0, 0, Alias(0, 0, 8)));
  EXPECT_EQ(Check(), "the view of region 0 can't be rendered from scratch");
}

TEST_F(SelfCheckTest, SeesARefusalWithoutReason) {
  EXPECT_EQ(Check({Refusal::kEndlessAlias, 1}),
            "the engine refuses region 1, which rendering from scratch takes");
  EXPECT_EQ(Check({Refusal::kTooMuchWork, 0}), "");
}

}  // namespace
}  // namespace flatview::engine
