// Included before everything else where Clang compiles what sees Cap'n Proto (the fuzz targets).
//
// KJ 0.9.2 leaves `"text" == StringPtr` to C++20's reversed operators. Clang follows a later rule
// (P2468): a type that has operator!= is not asked the other way round. With the feature macro
// hidden, KJ declares the operators itself.
#pragma once

#include <compare>
#include <cstring>
#include <initializer_list>
#include <new>
#include <string>
#include <utility>

#pragma push_macro("__cpp_impl_three_way_comparison")
#undef __cpp_impl_three_way_comparison
#include <kj/string.h>
#pragma pop_macro("__cpp_impl_three_way_comparison")
