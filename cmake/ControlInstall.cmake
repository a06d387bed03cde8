# What `cmake --install` gives beside the plugins and the agent, which install themselves:
# the library, its headers and the package that find_package(libcontrol) reads.
include(CMakePackageConfigHelpers)

set(CONTROL_INSTALL_PLUGINDIR "${CMAKE_INSTALL_LIBDIR}/libcontrol")
set(control_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/libcontrol")

install(TARGETS control EXPORT libcontrolTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    COMPONENT runtime NAMELINK_COMPONENT development
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/libcontrol/include/libcontrol"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
  FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/libcontrol/include/libcontrol/version.h"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/libcontrol" COMPONENT development)

install(EXPORT libcontrolTargets NAMESPACE libcontrol::
  DESTINATION "${control_package_dir}" COMPONENT development)
# Read only by those who ask for the component `testing`: it needs GoogleTest.
install(TARGETS control_testing EXPORT libcontrolTestingTargets)
install(EXPORT libcontrolTestingTargets NAMESPACE libcontrol::
  DESTINATION "${control_package_dir}" COMPONENT development)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/libcontrolConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/libcontrolConfig.cmake"
  INSTALL_DESTINATION "${control_package_dir}"
  PATH_VARS CONTROL_INSTALL_PLUGINDIR)
# Before 1.0 every minor version may break what was promised before.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/libcontrolConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/libcontrolConfig.cmake"
  "${PROJECT_BINARY_DIR}/libcontrolConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/libcontrolPlugin.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/libcontrolPlugin.map"
  DESTINATION "${control_package_dir}" COMPONENT development)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT development FILES_MATCHING PATTERN "*.md")
install(DIRECTORY
  "${PROJECT_SOURCE_DIR}/examples/embed"
  "${PROJECT_SOURCE_DIR}/examples/custom_plugin"
  "${PROJECT_SOURCE_DIR}/examples/ci_with_mock"
  DESTINATION "${CMAKE_INSTALL_DOCDIR}/examples" COMPONENT development)

if(CONTROL_BUILD_AGENT)
  configure_file("${PROJECT_SOURCE_DIR}/packaging/ctrl-alt-play-agent.service.in"
    "${PROJECT_BINARY_DIR}/ctrl-alt-play-agent.service" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/ctrl-alt-play-agent.service"
    DESTINATION "lib/systemd/system" COMPONENT runtime)
  install(FILES "${PROJECT_SOURCE_DIR}/packaging/agent.env"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/ctrl-alt-play" COMPONENT runtime)
endif()
