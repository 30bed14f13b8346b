import { Consumer, Producer } from '@platformatic/kafka'
import { createEncryption } from 'kafka-envelope'
import * as entry from 'kafka-envelope/platformatic'
import wraps from './wraps.cjs'

await wraps({ Consumer, Producer, createEncryption, ...entry })
