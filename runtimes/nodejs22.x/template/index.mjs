// Greets whoever asks, over HTTP: behind API Gateway (HTTP API) or a function URL.

// `event` is a request in payload format 2.0.
export const handler = async (event) => {
  const name = event.queryStringParameters?.name;
  if (!name) {
    return answer(400, { error: "Say who you are: ?name=Ada" });
  }
  console.log("greeting", name);
  return answer(200, { greeting: `Hello, ${name}!` });
};

const answer = (statusCode, body) => ({
  statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
