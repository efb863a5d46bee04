// Plays a trace on our engine, without TypeScript in front of it.
//
//   flatview_player check  TRACE STEPS
//       prints all views after building, and after each of the first STEPS
//   flatview_player time   TRACE WARM_UP_NS MINIMUM_NS
//       repeats the steps, and says what they cost
//   flatview_player once   TRACE MAXIMUM_NS
//       makes the steps once, the first time in this process
//   flatview_player lookup TRACE WARM_UP_NS MINIMUM_NS
//       repeats the lookups
//   flatview_player memory TRACE
//       says how much memory the process has after building
//   flatview_player count  TRACE STEPS
//       makes the first STEPS in CountSteps(), for an instruction counter

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/flat_view.h"
#include "engine/view_reader.h"
#include "native/trace_tree.h"

namespace flatview::benchmarks {
namespace {

using engine::FlatRange;
using engine::FlatView;
using engine::ViewReader;
using Clock = std::chrono::steady_clock;

struct Trace {
  std::vector<std::vector<Call>> steps;
  std::vector<uint64_t> lookups;
};

[[noreturn]] void Fail(const std::string& subject, const char* message) {
  std::fprintf(stderr, "%s: %s\n", subject.c_str(), message);
  std::exit(1);
}

uint64_t ParseNumber(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 0); }

Call ParseCall(const std::string& verb, std::istream& rest) {
  Call call = {TraceTree::Find(verb), {}};
  if (call.make == nullptr) Fail(verb, "nothing that a trace says");
  std::string number;
  for (size_t i = 0; i < call.numbers.size() && rest >> number; ++i) {
    call.numbers[i] = ParseNumber(number);
  }
  return call;
}

// Makes the calls up to the first step; returns the rest.
Trace ReadTrace(const char* path, TraceTree& tree) {
  Trace trace;
  std::ifstream file(path);
  if (!file) Fail(path, "can't be read");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb == "step") {
      trace.steps.emplace_back();
    } else if (verb == "lookup") {
      std::string address;
      words >> address;
      trace.lookups.push_back(ParseNumber(address));
    } else {
      const Call call = ParseCall(verb, words);
      if (trace.steps.empty()) {
        call.make(tree, call.numbers);
      } else {
        trace.steps.back().push_back(call);
      }
    }
  }
  return trace;
}

void MakeStep(TraceTree& tree, const Trace& trace, uint64_t step) {
  for (const Call& call : trace.steps[step % trace.steps.size()]) call.make(tree, call.numbers);
}

void PrintRange(const FlatRange& range) {
  namespace attribute = engine::range_attribute;
  std::printf("0x%" PRIx64 "-0x%" PRIx64 " %" PRIu32 " 0x%" PRIx64 "%s%s\n", range.first,
              range.last, range.region, range.offset,
              (range.attributes & attribute::kReadonly) != 0 ? " readonly" : "",
              (range.attributes & attribute::kNonvolatile) != 0 ? " nonvolatile" : "");
}

// Prints every view once; a space whose view another has, too, only names that one.
void PrintViews(const TraceTree& tree) {
  std::map<const FlatView*, uint32_t> printed;
  for (uint32_t space = 0; space < tree.space_count(); ++space) {
    const std::shared_ptr<const FlatView> view = tree.engine().View(space);
    const auto [same, is_new] = printed.emplace(view.get(), space);
    if (!is_new) {
      std::printf("space %" PRIu32 " is space %" PRIu32 "\n", space, same->second);
      continue;
    }
    std::printf("space %" PRIu32 "\n", space);
    for (const FlatRange range : *view) PrintRange(range);
  }
}

uint64_t CpuNs() {
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t NsSince(Clock::time_point start) {
  const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start);
  return static_cast<uint64_t>(spent.count());
}

uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t total = 0;
  uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void PrintCosts(uint64_t steps, uint64_t wall_ns, uint64_t cpu_ns) {
  std::printf("{\"steps\":%" PRIu64 ",\"wallNs\":%" PRIu64 ",\"cpuNs\":%" PRIu64
              ",\"residentBytes\":%" PRIu64 "}\n",
              steps, wall_ns, cpu_ns, ResidentBytes());
}

void RunCheck(TraceTree& tree, const Trace& trace, uint64_t steps) {
  PrintViews(tree);
  for (uint64_t step = 0; step < steps; ++step) {
    MakeStep(tree, trace, step);
    std::printf("step %" PRIu64 "\n", step + 1);
    PrintViews(tree);
  }
}

void RunTime(TraceTree& tree, const Trace& trace, uint64_t warm_up_ns, uint64_t minimum_ns) {
  uint64_t step = 0;
  for (const uint64_t start = CpuNs(); CpuNs() - start < warm_up_ns;) MakeStep(tree, trace, step++);
  const uint64_t first_step = step;
  const uint64_t cpu_start = CpuNs();
  uint64_t wall_ns = 0;
  for (const auto start = Clock::now(); wall_ns < minimum_ns; wall_ns = NsSince(start)) {
    MakeStep(tree, trace, step++);
  }
  PrintCosts(step - first_step, wall_ns, CpuNs() - cpu_start);
}

void RunOnce(TraceTree& tree, const Trace& trace, uint64_t maximum_ns) {
  const uint64_t cpu_start = CpuNs();
  const auto start = Clock::now();
  uint64_t step = 0;
  while (step < trace.steps.size() && NsSince(start) < maximum_ns) MakeStep(tree, trace, step++);
  PrintCosts(step, NsSince(start), CpuNs() - cpu_start);
}

// What all lookups together find, for comparing.
uint64_t LookupChecksum(ViewReader& reader, const Trace& trace) {
  uint64_t sum = 0;
  for (const uint64_t address : trace.lookups) {
    const auto range = reader.Lookup(address);
    if (range) sum += address - range->first + range->offset + range->region + 1;
  }
  return sum;
}

// As QEMU's address_space_translate, it finds something in a hole, too.
uint64_t LookUpAll(ViewReader& reader, const Trace& trace) {
  uint64_t sum = 0;
  for (const uint64_t address : trace.lookups) {
    const FlatRange found = reader.At(address);
    sum += address - found.first + found.offset + found.region;
  }
  return sum;
}

// As a virtual processor's thread does.
void RunLookup(TraceTree& tree, const Trace& trace, uint64_t warm_up_ns, uint64_t minimum_ns) {
  ViewReader reader(tree.engine().Channel(0));
  uint64_t sum = 0;
  for (const uint64_t start = CpuNs(); CpuNs() - start < warm_up_ns;) {
    sum += LookUpAll(reader, trace);
  }
  const uint64_t cpu_start = CpuNs();
  uint64_t wall_ns = 0;
  uint64_t count = 0;
  while (wall_ns < minimum_ns) {
    const auto start = Clock::now();
    sum += LookUpAll(reader, trace);
    wall_ns += NsSince(start);
    count += trace.lookups.size();
  }
  const uint64_t cpu_ns = CpuNs() - cpu_start;
  if (sum == 1) std::fputs(" ", stderr);  // so that the lookups are needed
  std::printf("{\"lookups\":%" PRIu64 ",\"wallNs\":%" PRIu64 ",\"cpuNs\":%" PRIu64
              ",\"checksum\":%" PRIu64 "}\n",
              count, wall_ns, cpu_ns, LookupChecksum(reader, trace));
}

void RunMemory() {
  malloc_trim(0);
  std::printf("{\"residentBytes\":%" PRIu64 "}\n", ResidentBytes());
}

// Never inlined: an instruction counter is switched on and off by the function's name.
[[gnu::noinline]] void CountSteps(TraceTree& tree, const Trace& trace, uint64_t steps) {
  for (uint64_t step = 0; step < steps; ++step) MakeStep(tree, trace, step);
}

void Run(const std::string& mode, TraceTree& tree, const Trace& trace,
         const std::vector<uint64_t>& numbers) {
  if (mode == "check") {
    RunCheck(tree, trace, numbers[0]);
  } else if (mode == "time") {
    RunTime(tree, trace, numbers[0], numbers[1]);
  } else if (mode == "once") {
    RunOnce(tree, trace, numbers[0]);
  } else if (mode == "lookup") {
    RunLookup(tree, trace, numbers[0], numbers[1]);
  } else if (mode == "memory") {
    RunMemory();
  } else if (mode == "count") {
    CountSteps(tree, trace, numbers[0]);
  } else {
    Fail(mode, "nothing that this program does");
  }
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "Usage: %s MODE TRACE [NUMBER...]\n", argv[0]);
    return 1;
  }
  std::vector<uint64_t> numbers(2);
  for (int i = 3; i < argc && i < 5; ++i) {
    numbers[static_cast<size_t>(i) - 3] = ParseNumber(argv[i]);
  }
  TraceTree tree;
  const Trace trace = ReadTrace(argv[2], tree);
  Run(argv[1], tree, trace, numbers);
  return 0;
}

}  // namespace
}  // namespace flatview::benchmarks

int main(int argc, char** argv) { return flatview::benchmarks::Main(argc, argv); }
