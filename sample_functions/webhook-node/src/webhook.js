// CommonJS, with a dependency from package.json. `npm ci` installs exactly what package-lock.json
// says, inside of the runtime's own image.
const crypto = require('node:crypto')
const ms = require('ms')

exports.receive = async (event) => {
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64') : Buffer.from(event.body)

  // Never look at what a stranger sent before it is known who sent it.
  if (!signed(body, event.headers['x-hub-signature-256'] ?? '')) {
    console.warn('refused a request from %s', event.requestContext.http.sourceIp)
    return answer(401, { message: 'The signature does not fit.' })
  }

  const push = JSON.parse(body)
  const age = event.requestContext.timeEpoch - Date.parse(push.head_commit.timestamp)
  console.info('%s pushed %d commits to %s', push.pusher.name, push.commits, push.ref)
  return answer(200, {
    ref: push.ref,
    newest: push.head_commit.message,
    age: ms(age, { long: true }),
  })
}

function signed(body, signature) {
  const expected = `sha256=${crypto
    .createHmac('sha256', process.env.WEBHOOK_SECRET)
    .update(body)
    .digest('hex')}`
  // Comparing takes the same time wherever the two differ, so that nobody can guess byte by byte.
  return (
    signature.length === expected.length &&
    crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
  )
}

const answer = (statusCode, content) => ({
  statusCode,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(content),
})
