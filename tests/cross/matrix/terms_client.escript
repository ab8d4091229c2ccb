#!/usr/bin/env escript
%% An MQTT client of the Erlang-term services, driven line by line. Its input is Erlang terms, each ended by a full stop:
%%   {connect, "127.0.0.1", 1883, <<"client id">>, <<"password">>, 0 or 1 for a clean session}.
%%   {publish, PacketId, <<"topic">>, Term}.    at QoS 1
%%   disconnect.                                says goodbye
%% Each line of its output is JSON:
%%   ["connack", Code]   ["puback", PacketId]   ["publish", QoS, "topic", Term]   ["closed"]
%% where a binary is {"b": base64}, an atom {"a": name} and a tuple {"t": [elements]}.
-mode(compile).

main(_) ->
    ok = io:setopts(standard_io, [{encoding, latin1}]),
    Self = self(),
    spawn_link(fun() -> read(Self) end),
    loop(none, <<>>).

read(To) ->
    case io:read(standard_io, '') of
        {ok, Term} -> To ! {said, Term}, read(To);
        eof -> To ! ended
    end.

loop(Socket, Bytes) ->
    receive
        {said, {connect, Host, Port, Id, Password, Clean}} ->
            {ok, New} = gen_tcp:connect(Host, Port, [binary, {active, true}, {nodelay, true}]),
            Flags = 16#c0 bor (Clean bsl 1),
            ok = gen_tcp:send(New, packet(16#10, [<<4:16, "MQTT", 4, Flags, 0:16>>, text(Id), text(<<"api">>), text(Password)])),
            loop(New, <<>>);
        {said, {publish, Id, Topic, Term}} ->
            ok = gen_tcp:send(Socket, packet(16#32, [text(Topic), <<Id:16>>, term_to_binary(Term)])),
            loop(Socket, Bytes);
        {said, disconnect} ->
            gen_tcp:send(Socket, packet(16#e0, [])),
            gen_tcp:close(Socket),
            print([<<"closed">>]),
            loop(none, <<>>);
        {tcp, Socket, More} -> loop(Socket, packets(Socket, <<Bytes/binary, More/binary>>));
        {tcp_closed, Socket} -> print([<<"closed">>]), loop(none, <<>>);
        {tcp_error, Socket, _} -> loop(Socket, Bytes);
        {tcp, _, _} -> loop(Socket, Bytes);
        {tcp_closed, _} -> loop(Socket, Bytes);
        {tcp_error, _, _} -> loop(Socket, Bytes);
        ended -> ok
    end.

%% Handles whole packets, and gives what is left.
packets(Socket, Bytes) ->
    case split(Bytes) of
        {Head, Body, Rest} -> received(Socket, Head, Body), packets(Socket, Rest);
        more -> Bytes
    end.

split(<<Head, Rest/binary>>) -> split(Head, Rest, 0, 0);
split(_) -> more.

split(Head, <<1:1, Bits:7, Rest/binary>>, Shift, Sum) -> split(Head, Rest, Shift + 7, Sum bor (Bits bsl Shift));
split(Head, <<0:1, Bits:7, Rest/binary>>, Shift, Sum) ->
    Size = Sum bor (Bits bsl Shift),
    case Rest of
        <<Body:Size/binary, Next/binary>> -> {Head, Body, Next};
        _ -> more
    end;
split(_, _, _, _) -> more.

received(_, 16#20, <<_, Code>>) -> print([<<"connack">>, Code]);
received(_, 16#40, <<Id:16>>) -> print([<<"puback">>, Id]);
received(Socket, 16#62, Id) -> ok = gen_tcp:send(Socket, packet(16#70, [Id]));
received(Socket, Head, <<Size:16, Topic:Size/binary, Rest/binary>>) when Head band 16#f0 =:= 16#30 ->
    case (Head bsr 1) band 3 of
        0 -> heard(0, Topic, Rest);
        QoS ->
            <<Id:16, Payload/binary>> = Rest,
            heard(QoS, Topic, Payload),
            ok = gen_tcp:send(Socket, packet(case QoS of 1 -> 16#40; 2 -> 16#50 end, [<<Id:16>>]))
    end.

heard(QoS, Topic, Payload) -> print([<<"publish">>, QoS, Topic, {term, binary_to_term(Payload)}]).

text(Bytes) -> [<<(byte_size(Bytes)):16>>, Bytes].

packet(Head, Parts) ->
    Body = iolist_to_binary(Parts),
    [Head, size_bytes(byte_size(Body)), Body].

size_bytes(Size) when Size < 128 -> <<Size>>;
size_bytes(Size) -> <<1:1, (Size band 127):7, (size_bytes(Size bsr 7))/binary>>.

print(Parts) -> io:put_chars([json(Parts), "\n"]).

json({term, Term}) -> term(Term);
json(Parts) when is_list(Parts) -> ["[", lists:join(",", [json(Part) || Part <- Parts]), "]"];
json(Integer) when is_integer(Integer) -> integer_to_list(Integer);
json(Text) when is_binary(Text) -> ["\"", Text, "\""].

term(Integer) when is_integer(Integer) -> integer_to_list(Integer);
term(Atom) when is_atom(Atom) -> ["{\"a\":\"", atom_to_list(Atom), "\"}"];
term(Bytes) when is_binary(Bytes) -> ["{\"b\":\"", base64:encode(Bytes), "\"}"];
term(Tuple) when is_tuple(Tuple) -> ["{\"t\":", term(tuple_to_list(Tuple)), "}"];
term(List) when is_list(List) -> ["[", lists:join(",", [term(Element) || Element <- List]), "]"].
