# What Debian wants otherwise than the rest of the world: cpack runs this on the tree that becomes the package.
cmake_minimum_required(VERSION 3.25)
set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share)
set(doc ${share}/doc/${CPACK_PACKAGE_NAME})

file(RENAME ${share}/doc/snn_dist ${doc})
file(RENAME ${doc}/LICENSE ${doc}/copyright)
file(MAKE_DIRECTORY ${share}/zsh)
file(RENAME ${share}/zsh/site-functions ${share}/zsh/vendor-completions)
file(REMOVE ${share}/snn_dist/modulefile) # what is in /usr needs none

# A page's date is that of the version.
file(STRINGS ${share}/man/man1/snn_dist.1 title LIMIT_COUNT 1)
string(REGEX MATCH "[0-9]+-[0-9]+-[0-9]+" date ${title})
execute_process(COMMAND date --utc --rfc-email --date=${date} OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${doc}/changelog
"${CPACK_PACKAGE_NAME} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Version ${CPACK_PACKAGE_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
execute_process(COMMAND gzip -9n ${doc}/changelog ${share}/man/man1/snn_dist.1 ${share}/man/man5/snn_dist-config.5
                COMMAND_ERROR_IS_FATAL ANY)
