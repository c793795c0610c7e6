# Included by the build of llama.cpp (`CMAKE_PROJECT_INCLUDE` in config.toml): leaves out what nothing here calls, 39 of
# 128 files, and optimises less what is not hot. Without it the build gives the same program, only later.
if(CMAKE_VERSION VERSION_LESS 3.19 OR NOT PROJECT_NAME STREQUAL "llama.cpp" OR MSVC)
  return()
endif()

function(outthink_trim)
  if(TARGET llama-common)
    # Of llama.cpp's helpers we call the one that turns a JSON schema into a grammar; the binding's other calls need
    # the rest of this list. Chat parsers, its command line and its downloads are the larger part.
    set(needed common fit json-schema-to-grammar json-schema json log ngram-cache ngram-map ngram-mod
      reasoning-budget sampling speculative trie unicode)
    list(TRANSFORM needed APPEND ".cpp")
    set_property(TARGET llama-common PROPERTY SOURCES ${needed})
    # Only the downloads speak HTTP.
    get_target_property(libraries llama-common LINK_LIBRARIES)
    list(REMOVE_ITEM libraries cpp-httplib)
    set_property(TARGET llama-common PROPERTY LINK_LIBRARIES ${libraries})
    target_compile_options(llama-common PRIVATE -O1)
  endif()
  if(TARGET cpp-httplib)
    set_property(TARGET cpp-httplib PROPERTY EXCLUDE_FROM_ALL ON)
  endif()
  # Loading, saving and the description of each architecture run once; drawing and reading tokens do not.
  target_compile_options(llama PRIVATE -O1)
  set(hot llama-batch llama-context llama-grammar llama-graph llama-impl llama-kv-cache llama-kv-cache-iswa
    llama-memory-hybrid llama-memory-recurrent llama-sampler llama-vocab unicode)
  list(TRANSFORM hot APPEND ".cpp")
  list(TRANSFORM hot PREPEND "${PROJECT_SOURCE_DIR}/src/")
  set_source_files_properties(${hot} TARGET_DIRECTORY llama PROPERTIES COMPILE_OPTIONS -O3)
  if(TARGET ggml-base)
    set(cold gguf.cpp ggml-backend-meta.cpp ggml-opt.cpp)
    list(TRANSFORM cold PREPEND "${PROJECT_SOURCE_DIR}/ggml/src/")
    set_source_files_properties(${cold} TARGET_DIRECTORY ggml-base PROPERTIES COMPILE_OPTIONS -O1)
  endif()
endfunction()

# When all targets are there.
cmake_language(DEFER CALL outthink_trim)
