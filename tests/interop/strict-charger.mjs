// A charger by ocpp-rpc in strict mode: it throws at whatever its own schemas do not allow, either way.
// Usage: node strict-charger.mjs ENDPOINT IDENTITY PROTOCOL; exit status 1 and the reason if anything is wrong.
import { RPCClient } from 'ocpp-rpc';

const [endpoint, identity, protocol] = process.argv.slice(2);
const client = new RPCClient({
  endpoint, identity, protocols: [protocol], strictMode: true, reconnect: false, callTimeoutMs: 10000,
});

const fail = (why) => { console.error(why); process.exit(1); };
client.on('strictValidationFailure', ({ error }) => fail(`not strictly valid: ${error.message}`));
client.on('badMessage', ({ error }) => fail(`no OCPP message: ${error.message}`));

const now = () => new Date().toISOString();
let asked = null;
const firstQuestion = new Promise((resolve) => { asked = resolve; });
client.handle(({ method }) => {
  asked(method);
  return { status: 'Accepted' };
});

const is16 = protocol === 'ocpp1.6';
await client.connect();
if (client.protocol !== protocol) fail(`speaks ${client.protocol}`);

const boot = is16
  ? { chargePointVendor: 'Strict', chargePointModel: 'RPC' }
  : { reason: 'PowerUp', chargingStation: { vendorName: 'Strict', model: 'RPC' } };
const booted = await client.call('BootNotification', boot);
if (booted.status !== 'Accepted') fail(`the boot is ${booted.status}`);
await client.call('Heartbeat', {});

// Without a word about its connectors it is asked for one.
const question = await Promise.race([firstQuestion, new Promise((r) => setTimeout(r, 20000, 'nothing'))]);
if (question !== 'TriggerMessage') fail(`expected TriggerMessage, was asked ${question}`);

if (is16) {
  await client.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Preparing' });
  await client.call('Authorize', { idTag: 'CARD1' });
  const started = await client.call('StartTransaction', {
    connectorId: 1, idTag: 'CARD1', meterStart: 1000, timestamp: now(),
  });
  if (started.idTagInfo.status !== 'Accepted' || started.transactionId <= 0) fail(JSON.stringify(started));
  await client.call('MeterValues', {
    connectorId: 1,
    transactionId: started.transactionId,
    meterValue: [{ timestamp: now(), sampledValue: [{ value: '1500', unit: 'Wh' }] }],
  });
  await client.call('StopTransaction', {
    transactionId: started.transactionId, meterStop: 2000, timestamp: now(), reason: 'Local',
  });
} else {
  await client.call('StatusNotification', {
    timestamp: now(), connectorStatus: 'Occupied', evseId: 1, connectorId: 1,
  });
  const idToken = { idToken: 'CARD1', type: 'ISO14443' };
  await client.call('Authorize', { idToken });
  const event = (eventType, seqNo, more) => client.call('TransactionEvent', {
    eventType, seqNo, timestamp: now(), triggerReason: 'Authorized',
    transactionInfo: { transactionId: 'T-1', ...(eventType === 'Ended' ? { stoppedReason: 'Local' } : {}) },
    ...more,
  });
  const register = (value, context) => [{ timestamp: now(), sampledValue: [{ value, context }] }];
  const started = await event('Started', 0, {
    idToken, evse: { id: 1, connectorId: 1 }, meterValue: register(1000, 'Transaction.Begin'),
  });
  if (started.idTokenInfo.status !== 'Accepted') fail(JSON.stringify(started));
  await event('Updated', 1, { meterValue: register(1500, 'Sample.Periodic') });
  await event('Ended', 2, { meterValue: register(2000, 'Transaction.End') });
}
await client.close();
console.log('ok');
