# What `npm run build:native` builds (through scripts/build-native.mjs), and what a user without a
# prebuilt binary builds. CMakeLists.txt is the developer's build of the same sources.
{
  'includes': ['native/sources.gypi'],
  'variables': {
    # A list for -fsanitize=, such as 'address,undefined' or 'thread'; empty for none.
    'sanitize%': '',
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
      ],
    },
  ],
}
