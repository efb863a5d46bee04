// An addon that maps two pages of a file, fills them with 0x5a, and truncates the file to one page: an access to the
// second is SIGBUS, as one to a BAR whose device does not decode memory. It exports the address of the first.
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Of node_api.h, which need not be installed where the tests run.
typedef void* napi_env;
typedef void* napi_value;
extern int napi_create_bigint_uint64(napi_env, uint64_t, napi_value*);
int32_t node_api_module_get_api_version_v1(void) { return 8; }

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const int fd = memfd_create("truncated", MFD_CLOEXEC);
  if (fd == -1 || ftruncate(fd, (off_t)(2 * page)) != 0) return exports;
  void* const pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (pages == MAP_FAILED) return exports;
  memset(pages, 0x5a, 2 * page);
  if (ftruncate(fd, (off_t)page) != 0) return exports;
  napi_value address = NULL;
  napi_create_bigint_uint64(env, (uint64_t)(uintptr_t)pages, &address);
  return address;
}
