# What `npm run build:native` builds (through scripts/build-native.mjs), and what a user without a
# prebuilt binary builds, as binding.gyp. CMakeLists.txt is the developer's build of the same sources.
{
  'includes': ['native/sources.gypi'],
  'variables': {
    # A list for -fsanitize=, such as 'address,undefined' or 'thread'; empty for none.
    'sanitize%': '',
    # A folder with a stand-in for the C library, for an addon that loads on any Linux
    # (scripts/prebuild.mjs); empty for one that loads on this machine.
    'portable_libc%': '',
  },
  'targets': [
    {
      'target_name': 'flatview',
      'sources': ['<@(engine)', '<@(kernel)', '<@(binding)'],
      'include_dirs': ['native'],
      'defines': ['<@(binding_defines)'],
      # -isystem keeps our warnings out of a library's headers.
      'cflags': [
        '-isystem',
        '<!(node -p "path.dirname(require.resolve(\'node-addon-api\'))")',
      ],
      'cflags_cc': ['-std=c++20', '-fvisibility=hidden', '<@(warnings)'],
      # Node.js unloads an addon that only workers had when the last of them ends; handlers of signals
      # are the process', and stay.
      'ldflags': ['-Wl,-z,nodelete'],
      'configurations': {
        'Release': { 'defines': ['NDEBUG'] },
      },
      'conditions': [
        ['sanitize != ""', {
          'cflags': [
            '-fsanitize=<(sanitize)',
            '-fno-sanitize-recover=all',
            '-fno-omit-frame-pointer',
            '-g',
          ],
          'ldflags': ['-fsanitize=<(sanitize)'],
        }, {
          # A commit passes through many small functions of many files.
          'cflags_cc': ['-flto=auto'],
          'ldflags': ['-flto=auto'],
        }],
        ['portable_libc != ""', {
          'sources': ['<@(portable)'],
          # Offsets of files have 64 bits without them; with them glibc has other names for functions.
          'defines!': ['_FILE_OFFSET_BITS=64', '_LARGEFILE_SOURCE'],
          'ldflags': [
            '-nodefaultlibs',
            '-Wl,--version-script=<(module_root_dir)/native/portable/exports.map',
            '-Wl,--strip-all',
          ],
          'libraries': [
            '-Wl,--start-group', '-l:libstdc++.a', '-l:libgcc.a', '-l:libgcc_eh.a', '-Wl,--end-group',
            '-L<(portable_libc)', '-l:libc.so.6',
          ],
        }],
      ],
    },
  ],
}
