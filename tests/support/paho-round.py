"""One round through a broker with Debian's paho: connect, subscribe, publish to oneself, print what came, disconnect.

Arguments: transport host port version (31 or 311) qos cafile-or-dash count
"""
import sys

import paho.mqtt.client as mqtt

transport, host, port, version, qos, ca, count = sys.argv[1:8]
received = []


def on_connect(client, _data, _flags, code):
    print("connack", code, flush=True)
    if code != 0:
        client.disconnect()
        return
    client.subscribe("paho/#", int(qos))


def on_subscribe(client, _data, _mid, granted):
    print("suback", granted[0], flush=True)
    for n in range(int(count)):
        client.publish("paho/%d" % n, b"x" * (n * 1000), int(qos))


def on_message(client, _data, message):
    received.append((message.topic, len(message.payload)))
    if len(received) == int(count):
        print("received", received == [("paho/%d" % n, n * 1000) for n in range(int(count))], flush=True)
        client.disconnect()


client = mqtt.Client("paho", True, None, mqtt.MQTTv31 if version == "31" else mqtt.MQTTv311, transport)
if transport == "websockets":
    client.ws_set_options(path="/mqtt")
if ca != "-":
    client.tls_set(ca_certs=ca)
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(host, int(port), 30)
client.loop_forever()
