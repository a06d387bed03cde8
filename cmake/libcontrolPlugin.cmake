# libcontrol_add_plugin(<engine> SOURCES ... [LIBRARIES ...])
#
# The target control-<engine>: a module libcontrol-<engine>.so that exports
# control_plugin_descriptor and nothing else. C++ types cross the border between library and plugin:
# build it with the compiler that built the library, or the loader refuses it.
set(libcontrol_plugin_map "${CMAKE_CURRENT_LIST_DIR}/libcontrolPlugin.map")
function(libcontrol_add_plugin engine)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "libcontrol_add_plugin(${engine}): expected SOURCES file... [LIBRARIES "
      "library...], found '${arg_UNPARSED_ARGUMENTS}'")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "libcontrol_add_plugin(${engine}): SOURCES is missing")
  endif()
  add_library(control-${engine} MODULE ${arg_SOURCES})
  target_link_libraries(control-${engine} PRIVATE libcontrol::control ${arg_LIBRARIES})
  # Hidden visibility alone leaves the instances of standard templates visible.
  target_link_options(control-${engine} PRIVATE
    -Wl,-z,nodelete "-Wl,--version-script=${libcontrol_plugin_map}")
  set_target_properties(control-${engine} PROPERTIES
    PREFIX "lib"
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
endfunction()
