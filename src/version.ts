/** The version of this package; a test holds it to package.json, which is not there to read in a bundle. */
export const VERSION = '0.1.0'
