import fc from 'fast-check'

// Property tests draw the same samples for each mutant and in each run, so that no mutant is killed by chance.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 })
