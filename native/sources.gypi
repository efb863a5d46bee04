{
  "variables": {
    "engine": [],
    "kernel": [],
    "binding": ["native/binding/addon.cc"],
    "tests": []
  }
}
