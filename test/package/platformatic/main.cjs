// The client is ESM only.
import('@platformatic/kafka').then(({ Consumer, Producer }) =>
  require('./wraps.cjs')({
    ...{ Consumer, Producer },
    ...require('kafka-envelope'),
    ...require('kafka-envelope/platformatic'),
  }),
)
