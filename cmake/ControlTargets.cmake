# What every target of this project shares, and the three kinds of target it is made of.

add_library(control_build_options INTERFACE)
target_compile_features(control_build_options INTERFACE cxx_std_20)
target_compile_options(control_build_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-qual -Wformat=2 -Wundef
  $<$<BOOL:${CONTROL_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers>
  # g++ 12 sees an uninitialised unique_ptr in every moved std::variant that holds one, and writes
  # past the end of strings that are being concatenated.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # A file that is compiled together with others looks like a header to it.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>
  $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-field-initializers>)
# What is installed names its sources from the top of the tree; a debugger wants them whole.
target_compile_options(control_build_options INTERFACE
  $<$<NOT:$<CONFIG:Debug>>:-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=>)
# Fortification needs optimisation; sanitizers bring their own checks.
target_compile_options(control_build_options INTERFACE
  $<$<AND:$<CONFIG:Release>,$<STREQUAL:${CONTROL_SANITIZE},>>:-D_FORTIFY_SOURCE=2 -fstack-protector-strong>)
target_compile_definitions(control_build_options INTERFACE
  _GLIBCXX_ASSERTIONS BOOST_DLL_USE_STD_FS)
target_link_options(control_build_options INTERFACE -Wl,-z,relro -Wl,-z,now)

if(CONTROL_SANITIZE STREQUAL "address")
  set(control_sanitize_flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(CONTROL_SANITIZE STREQUAL "thread")
  set(control_sanitize_flags -fsanitize=thread -fno-omit-frame-pointer)
elseif(NOT CONTROL_SANITIZE STREQUAL "")
  message(FATAL_ERROR "CONTROL_SANITIZE is '${CONTROL_SANITIZE}': use address, thread, or nothing")
endif()
if(control_sanitize_flags)
  target_compile_options(control_build_options INTERFACE ${control_sanitize_flags})
  target_link_options(control_build_options INTERFACE ${control_sanitize_flags})
endif()

set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_EXTENSIONS OFF)

# control_precompile(<target> <header>...)
# Headers that most files of a target include, parsed once. Only where a whole build from nothing is
# wanted soon (CMAKE_DISABLE_PRECOMPILE_HEADERS=OFF): ccache does not like them, and they hide a
# missing #include.
function(control_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <chrono> <functional> <map> <memory> <mutex> <optional> <string> <thread> <vector>
    <libcontrol/runtime.h> ${ARGN})
endfunction()

# control_add_plugin(<name> SOURCES ... [LIBRARIES ...])
# The engine as a static library `control_<name>_linked` (tests and single-binary programs link it
# in) and as the loadable module libcontrol-<name>.so, which adds plugin.cpp with the one exported
# symbol. Modules stay mapped for ever: libcurl must not be unloaded under its threads.
function(control_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  add_library(control_${name}_linked STATIC ${arg_SOURCES})
  target_include_directories(control_${name}_linked PUBLIC "${PROJECT_SOURCE_DIR}/plugins")
  target_link_libraries(control_${name}_linked
    PUBLIC control::control PRIVATE control_build_options ${arg_LIBRARIES})
  control_precompile(control_${name}_linked)
  add_library(control_${name}_module MODULE plugin.cpp)
  target_link_libraries(control_${name}_module
    PRIVATE control_build_options control_${name}_linked)
  target_link_options(control_${name}_module PRIVATE
    -Wl,-z,nodelete -Wl,-z,defs
    "-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/libcontrolPlugin.map")
  if(control_sanitize_flags)
    # Sanitizer runtimes are found in the program, not in the module.
    target_link_options(control_${name}_module PRIVATE -Wl,-z,undefs)
  endif()
  set_target_properties(control_${name}_module PROPERTIES
    PREFIX "lib" OUTPUT_NAME "control-${name}"
    INSTALL_RPATH "$ORIGIN/.."
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/plugins")
  set_property(GLOBAL APPEND PROPERTY CONTROL_PLUGIN_MODULES control_${name}_module)
  install(TARGETS control_${name}_module
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/libcontrol" COMPONENT runtime)
endfunction()

# control_add_test(<name> SOURCES ... [LIBRARIES ...] [LABEL unit] [TIMEOUT 300] [ENVIRONMENT ...])
# One GoogleTest program, one CTest test.
function(control_add_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "LABEL;TIMEOUT" "SOURCES;LIBRARIES;ENVIRONMENT;ARGUMENTS")
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  list(LENGTH arg_SOURCES source_count)
  if(source_count GREATER 2)
    control_precompile(${name} <gmock/gmock.h> <gtest/gtest.h>)
  endif()
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/tests")
  target_link_libraries(${name} PRIVATE
    control_build_options control::control ${arg_LIBRARIES} GTest::gmock GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGUMENTS})
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT})
  if(arg_ENVIRONMENT)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${arg_ENVIRONMENT}")
  endif()
  if(arg_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
