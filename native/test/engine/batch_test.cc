#include "engine/batch.h"

#include <gtest/gtest.h>

#include <variant>

#include "test/engine/batch_writer.h"
#include "test/engine/regions.h"

namespace flatview::engine {
namespace {

std::optional<Record> Decode(const BatchWriter& batch) {
  return DecodeRecord(batch.bytes().last<kRecordBytes>());
}

TEST(Batch, DecodesARegion) {
  const Region region = {.address = 0x1122334455667788,
                         .sequence = 0x99aabbccddeeff00,
                         .size = 0xfedcba9876543210,
                         .alias_offset = 0x0f1e2d3c4b5a6978,
                         .parent = 0x12345678,
                         .target = 0x9abcdef0,
                         .priority = -2,
                         .flags = 0xab'007fu};
  const auto record = Decode(BatchWriter().Put(7, region, BatchWriter::kTouched));
  ASSERT_TRUE(record && std::holds_alternative<PutRegion>(*record));
  const auto& put = std::get<PutRegion>(*record);
  EXPECT_EQ(put.id, 7u);
  EXPECT_EQ(put.region, region);
  EXPECT_TRUE(put.touched);
  EXPECT_FALSE(std::get<PutRegion>(*Decode(BatchWriter().Put(7, region))).touched);
}

TEST(Batch, DecodesTheOthers) {
  const auto remove = Decode(BatchWriter().Remove(9));
  EXPECT_EQ(std::get<RemoveRegion>(*remove).id, 9u);

  const auto space = Decode(BatchWriter().PutSpace(8, 6, BatchWriter::kWantsUnchanged));
  EXPECT_EQ(std::get<PutAddressSpace>(*space).id, 8u);
  EXPECT_EQ(std::get<PutAddressSpace>(*space).root, 6u);
  EXPECT_FALSE(std::get<PutAddressSpace>(*space).watched);
  EXPECT_TRUE(std::get<PutAddressSpace>(*space).wants_unchanged);

  const auto remove_space = Decode(BatchWriter().RemoveSpace(5));
  EXPECT_EQ(std::get<RemoveAddressSpace>(*remove_space).id, 5u);
}

TEST(Batch, DecodesAWholeSpace) {
  const auto record = Decode(BatchWriter().Put(0, WholeSpace()));
  ASSERT_TRUE(record);
  const Region& region = std::get<PutRegion>(*record).region;
  EXPECT_FALSE(region.is_empty());
  EXPECT_EQ(region.last_offset(), UINT64_MAX);
}

TEST(Batch, RefusesUnknownOpcodes) {
  for (const uint32_t opcode : {0u, 5u, 0x101u, UINT32_MAX}) {
    EXPECT_FALSE(Decode(BatchWriter().Put(0, Leaf(8)).Write(0, opcode))) << opcode;
  }
}

TEST(Batch, RefusesUnknownFlags) {
  for (uint32_t bit = 0; bit < 32; ++bit) {
    const uint32_t flag = 1u << bit;
    const bool known = (flag & (region_flag::kAll | BatchWriter::kTouched)) != 0;
    const Region region = flag == region_flag::kAlias ? Alias(1, 0, 0) : Container(0);
    EXPECT_EQ(Decode(BatchWriter().Put(0, region, flag)).has_value(), known) << bit;
    EXPECT_EQ(Decode(BatchWriter().PutSpace(0, 0, flag)).has_value(), bit < 2) << bit;
  }
}

TEST(Batch, RefusesTwoSizes) {
  EXPECT_FALSE(Decode(BatchWriter().Put(0, With(region_flag::kWholeSpace, Leaf(8)))));
}

TEST(Batch, RefusesAnAliasWithoutTargetAndATargetWithoutAlias) {
  EXPECT_FALSE(Decode(BatchWriter().Put(0, Alias(kNoRegion, 0, 8))));
  EXPECT_FALSE(Decode(BatchWriter().Put(0, Leaf(8)).Write(20, 1u)));
}

TEST(Batch, RefusesWhatIsReserved) {
  EXPECT_FALSE(Decode(BatchWriter().Put(0, Leaf(8)).Write(56, uint64_t{1})));
}

}  // namespace
}  // namespace flatview::engine
