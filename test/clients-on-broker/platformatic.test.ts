import { platformatic } from './clients/platformatic.js'
import { describeLaws } from './describe-laws.js'

describeLaws(platformatic)
