# Under this name npm takes a package for one to compile when it is installed, whatever else its
# manifest says; so the published package has addon.gyp only.
{ 'includes': ['addon.gyp'] }
