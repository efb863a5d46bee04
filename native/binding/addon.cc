#include <napi.h>

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) { return exports; }

}  // namespace

NODE_API_MODULE(flatview, Init)
