#!/usr/bin/env escript
%% A client of the Erlang-term services in Erlang itself: what it receives is compared with literals of the documents.
%% Arguments: host port phone1 phone2 code. Prints "ok" and the number of comparisons, or why not.
-mode(compile).

main([Host, Port, PhoneA, PhoneB, Code]) ->
    Address = {Host, list_to_integer(Port)},
    put(checks, 0),
    A = login(Address, <<"emqttd_a">>, <<"dev-a">>, list_to_binary(PhoneA), list_to_binary(Code)),
    B = login(Address, <<"emqttd_b">>, <<"dev-b">>, list_to_binary(PhoneB), list_to_binary(Code)),
    befriend(A, list_to_binary(PhoneA), B, list_to_binary(PhoneB)),
    io:format("ok ~p~n", [get(checks)]).

%% Issue, a wrong code, the right one, and again as a client that has a password.
login(Address, Id, DevKey, Phone, Code) ->
    Anonymous = connect(Address, Id, <<>>),
    Topic = <<"events//api/anon/", Id/binary, "/">>,
    Reply = <<"actions/api/", Id/binary>>,
    {io, {ok, sms_send, Token}, <<>>} =
        ask(Anonymous, Topic, Reply, {'Auth', DevKey, [], Phone, [], [], [], [], [], []}),
    check(is_binary(Token)),
    check(ask(Anonymous, Topic, Reply, {'Auth', [], [], [], Token, [], verify, <<"000000">>, [], []})
          =:= {io, {error, invalid_sms_code, Token}, <<>>}),
    check(ask(Anonymous, Topic, Reply, {'Auth', [], [], [], Token, [], verify, Code, [], []})
          =:= {io, {ok, login, Token}, <<>>}),
    check(ask(Anonymous, Topic, Reply, {'Auth', [], [], [], Token, [], verify, Code, [], []})
          =:= {io, {error, already_registered, Token}, <<>>}),
    check(ask(Anonymous, Topic, Reply, {'Auth', [], [], [], <<"nobody has this token">>, [], resend_sms, [], [], []})
          =:= {io, {error, session_not_found, []}, <<>>}),
    gen_tcp:close(Anonymous),
    Socket = connect(Address, Id, Token),
    check(ask(Socket, Topic, Reply, {'Auth', DevKey, [], Phone, Token, [], [], [], [], []})
          =:= {io, {ok, login, Token}, <<>>}),
    Socket.

%% Asked, confirmed, confirmed again, taken back: what both hear on both of their topics.
befriend(A, PhoneA, B, PhoneB) ->
    Events = <<"events/1//api/anon//">>,
    [PhonesA, PhonesB] = [<<"actions/1/api/phone/", P/binary>> || P <- [PhoneA, PhoneB]],
    [SesA, SesB] = [<<"ses/", P/binary>> || P <- [PhoneA, PhoneB]],
    publish(A, Events, term_to_binary({'Friend', [], [], PhoneB, simple})),
    check(hear(A, PhonesA) =:= <<>>),
    {'Contact', IdB, [], [], [], NickB, [], [], 0, 0, [], Asked, [], [], request} = hear(A, SesA),
    {'Contact', IdA, [], [], [], [], Asked, authorization} = hear(B, PhonesB),
    NickA = nick(IdA),
    check(NickB =:= nick(IdB)),
    check(hear(B, SesB) =:= {'Contact', IdA, [], [], [], NickA, [], [], 0, 0, [], Asked, [], [], authorization}),
    check(is_integer(Asked) andalso Asked > 1000000000000),
    publish(B, Events, term_to_binary({'Confirm', [], [], IdA, friend})),
    check(hear(B, PhonesB) =:= <<>>),
    {'Contact', IdB, [], [], [], [], Confirmed, friend} = hear(A, PhonesA),
    check(hear(A, SesA) =:= {'Contact', IdB, [], [], [], NickB, [], [], 0, 0, [], Confirmed, [], [], friend}),
    check(lists:sort([hear_any(B), hear_any(B)]) =:= lists:sort([
        {PhonesB, {'Contact', IdA, [], [], [], [], Confirmed, friend}},
        {SesB, {'Contact', IdA, [], [], [], NickA, [], [], 0, 0, [], Confirmed, [], [], friend}}])),
    publish(B, Events, term_to_binary({'Confirm', [], [], IdA, friend})),
    check(hear(B, PhonesB) =:= {io, {ok, {already_present, IdA}}, <<>>}),
    publish(A, Events, term_to_binary({'Revoke', 7, IdB, revoke})),
    check(hear(A, PhonesA) =:= {'Revoke', 7, IdB, revoke}),
    {'Contact', IdB, [], [], [], NickB, [], [], 0, 0, [], Revoked, [], [], revoke} = hear(A, SesA),
    check(hear(B, SesB) =:= {'Contact', IdA, [], [], [], NickA, [], [], 0, 0, [], Revoked, [], [], revoke}),
    [ok, ok] = [fence(Socket) || Socket <- [A, B]].

nick(PhoneId) ->
    [_, UserId] = binary:split(PhoneId, <<"_">>),
    <<"user.", UserId/binary>>.

hear(Socket, Topic) ->
    {Topic, Term} = hear_any(Socket),
    Term.

hear_any(Socket) ->
    {Topic, Bytes} = next_publish(Socket),
    {Topic, binary_to_term(Bytes)}.

check(true) -> put(checks, get(checks) + 1).

%% The one term that answers, and nothing behind it.
ask(Socket, Topic, Reply, Term) ->
    publish(Socket, Topic, term_to_binary(Term)),
    {Reply, Bytes} = next_publish(Socket),
    ok = fence(Socket),
    binary_to_term(Bytes).

connect({Host, Port}, Id, Password) ->
    {ok, Socket} = gen_tcp:connect(Host, Port, [binary, {active, false}, {nodelay, true}]),
    Body = <<4:16, "MQTT", 4, 16#c2, 0:16, (text(Id))/binary, (text(<<"api">>))/binary, (text(Password))/binary>>,
    ok = gen_tcp:send(Socket, packet(16#10, Body)),
    {16#20, <<_, 0>>} = receive_packet(Socket),
    Socket.

publish(Socket, Topic, Payload) ->
    ok = gen_tcp:send(Socket, packet(16#32, <<(text(Topic))/binary, 1:16, Payload/binary>>)).

%% Answers come at QoS 2, the PUBACK of the request among them.
next_publish(Socket) ->
    case receive_packet(Socket) of
        {16#40, <<1:16>>} -> next_publish(Socket);
        {16#62, Released} -> ok = gen_tcp:send(Socket, packet(16#70, Released)), next_publish(Socket);
        {Head, <<Size:16, Topic:Size/binary, Id:16, Payload/binary>>} when Head band 16#f6 =:= 16#34 ->
            ok = gen_tcp:send(Socket, packet(16#50, <<Id:16>>)),
            {Topic, Payload}
    end.

%% Everything on its way is here before the answer to a ping; the second one is behind the handshakes of the first.
fence(Socket) -> pong(Socket, 2).

pong(_, 0) -> ok;
pong(Socket, Count) ->
    ok = gen_tcp:send(Socket, packet(16#c0, <<>>)),
    wait_pong(Socket, Count).

wait_pong(Socket, Count) ->
    case receive_packet(Socket) of
        {16#d0, <<>>} -> pong(Socket, Count - 1);
        {16#62, Id} -> ok = gen_tcp:send(Socket, packet(16#70, Id)), wait_pong(Socket, Count);
        {16#40, <<1:16>>} -> wait_pong(Socket, Count)
    end.

receive_packet(Socket) ->
    {ok, <<Head>>} = gen_tcp:recv(Socket, 1, 10000),
    case remaining(Socket, 0, 0) of
        0 -> {Head, <<>>};
        Size -> {ok, Body} = gen_tcp:recv(Socket, Size, 10000), {Head, Body}
    end.

remaining(Socket, Shift, Sum) ->
    {ok, <<More:1, Bits:7>>} = gen_tcp:recv(Socket, 1, 10000),
    Next = Sum bor (Bits bsl Shift),
    case More of 1 -> remaining(Socket, Shift + 7, Next); 0 -> Next end.

text(Bytes) -> <<(byte_size(Bytes)):16, Bytes/binary>>.

packet(Head, Body) -> <<Head, (size_bytes(byte_size(Body)))/binary, Body/binary>>.

size_bytes(Size) when Size < 128 -> <<Size>>;
size_bytes(Size) -> <<1:1, (Size band 127):7, (size_bytes(Size bsr 7))/binary>>.
