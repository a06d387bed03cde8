# Fails unless each plugin in PLUGINS (separated by '|') exports exactly one name.
string(REPLACE "|" ";" PLUGINS "${PLUGINS}")
foreach(plugin IN LISTS PLUGINS)
  execute_process(COMMAND "${NM}" -D --defined-only "${plugin}"
    OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT symbols MATCHES "^[0-9a-f]+ T control_plugin_descriptor$")
    message(SEND_ERROR "${plugin} exports more, or other, than control_plugin_descriptor:\n${symbols}")
  endif()
endforeach()
