"""One round through a broker with Debian's paho in MQTT 5: properties, a subscription identifier, an alias for the topic,
no more than five messages unacknowledged.

Arguments: transport host port qos cafile-or-dash count
"""
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

transport, host, port, qos, ca, count = sys.argv[1:7]
topic = "paho/" + "x" * 100
received = []
aliases = 0


def on_connect(client, _data, _flags, reason, properties):
    global aliases
    aliases = getattr(properties, "TopicAliasMaximum", 0)
    print("connack", reason.value, "aliases", aliases > 0, flush=True)
    if reason.value != 0:
        client.disconnect()
        return
    identifier = Properties(PacketTypes.SUBSCRIBE)
    identifier.SubscriptionIdentifier = 9
    client.subscribe("paho/#", options=SubscribeOptions(qos=int(qos)), properties=identifier)


def on_subscribe(client, _data, _mid, reasons, _properties):
    print("suback", reasons[0].value, flush=True)
    for n in range(int(count)):
        properties = Properties(PacketTypes.PUBLISH)
        properties.UserProperty = [("n", str(n)), ("n", "again")]
        properties.ContentType = "text/plain"
        if aliases > 0:
            properties.TopicAlias = 1
        name = "" if aliases > 0 and n > 0 else topic
        client.publish(name, b"x" * (n * 1000), int(qos), properties=properties)


def on_message(client, _data, message):
    properties = message.properties
    received.append(
        (
            message.topic,
            len(message.payload),
            properties.UserProperty,
            properties.ContentType,
            properties.SubscriptionIdentifier,
        )
    )
    if len(received) == int(count):
        expected = [
            (topic, n * 1000, [("n", str(n)), ("n", "again")], "text/plain", [9]) for n in range(int(count))
        ]
        print("received", received == expected, flush=True)
        client.disconnect()


client = mqtt.Client("paho", protocol=mqtt.MQTTv5, transport=transport)
if transport == "websockets":
    client.ws_set_options(path="/mqtt")
if ca != "-":
    client.tls_set(ca_certs=ca)
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
wishes = Properties(PacketTypes.CONNECT)
wishes.ReceiveMaximum = 5
wishes.SessionExpiryInterval = 60
wishes.UserProperty = ("client", "paho")
client.connect(host, int(port), 30, clean_start=True, properties=wishes)
client.loop_forever()
