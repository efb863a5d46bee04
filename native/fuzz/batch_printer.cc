// Prints what the batch fuzzer makes of its inputs, so that others can replay it: for each file a
// line of JSON with its commits, their records in hexadecimal, and what the engine answered.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "fuzz/batch_maker.h"

namespace flatview::engine {
namespace {

std::vector<uint8_t> ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void PrintCommit(const BatchMaker::Batch& batch, const Status& status) {
  std::printf(R"({"rolledBack":%s,"refusal":%d,"records":")", batch.rolled_back ? "true" : "false",
              static_cast<int>(status.refusal));
  for (const std::byte byte : batch.records.bytes()) std::printf("%02x", static_cast<int>(byte));
  std::printf(R"("})");
}

void PrintInput(const char* path) {
  const std::vector<uint8_t> input = ReadFile(path);
  const std::string name = path;
  std::printf(R"({"name":"%s","commits":[)", name.substr(name.rfind('/') + 1).c_str());
  Engine engine({.budget = kFuzzBudget});
  BatchMaker maker(input);
  for (const char* separator = ""; !maker.done(); separator = ",") {
    const BatchMaker::Batch batch = maker.Next();
    const Status status = engine.Commit(batch.records.bytes());
    std::printf("%s", separator);
    PrintCommit(batch, status);
    if (status.ok() && !batch.rolled_back) {
      engine.Publish();
      continue;
    }
    if (status.ok()) engine.Rollback();
    maker.TakeBack();
  }
  std::printf("]}\n");
}

}  // namespace
}  // namespace flatview::engine

int main(int argc, char** argv) {
  for (char* path : std::span(argv, static_cast<size_t>(argc)).subspan(1)) {
    flatview::engine::PrintInput(path);
  }
  return 0;
}
