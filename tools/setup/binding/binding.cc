// The addon that connects TensorFlow.js to TensorFlow's C library: upstream's sources, unmodified, as one translation
// unit, so that functions added below can also use what upstream keeps to itself.
#include "tfjs_backend.cc"
#include "tfjs_binding.cc"
