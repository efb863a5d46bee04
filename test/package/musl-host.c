/* Loads an addon under musl, and has it register what it offers, without Node.js: musl-host.test.ts gives the functions of
   Node-API that it asks for (they succeed and do nothing, but for those here), and says what it is linked with. No file of
   the C library is linked: the dynamic linker of musl is the C library, and has set it up before this starts. */

#include <stddef.h>

extern void *dlopen(const char *, int);
extern void *dlsym(void *, const char *);
extern char *dlerror(void);
extern int dprintf(int, const char *, ...);
extern void _exit(int);

static int functions;
static void *instance;

struct property {
  const char *name;
  void *rest[6];
  void *data;
};

int napi_define_properties(void *env, void *object, size_t count, const struct property *properties) {
  functions += (int)count;
  return 0;
}

int napi_set_instance_data(void *env, void *data, void *finalize, void *hint) {
  instance = data;
  return 0;
}

#if defined(__x86_64__)
__attribute__((force_align_arg_pointer))
#endif
void _start(void) {
  void *addon = dlopen(ADDON, 2 /* RTLD_NOW */);
  if (addon == NULL) {
    dprintf(2, "%s\n", dlerror());
    _exit(1);
  }
  void *(*initialize)(void *, void *) = dlsym(addon, "napi_register_module_v1");
  if (initialize == NULL) _exit(2);
  initialize((void *)8, (void *)16);
  dprintf(1, "%d functions registered, instance %s\n", functions, instance != NULL ? "made" : "missing");
  _exit(0);
}
