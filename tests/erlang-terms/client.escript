#!/usr/bin/env escript
%% A client of the Erlang-term services in Erlang itself: what it receives is compared with literals of the documents.
%% Arguments: host port phone1 phone2 code phone3. Prints "code?" where it needs the code that was mailed, and reads it from
%% its input; then "ok" and the number of comparisons, or why not.
-mode(compile).

main([Host, Port, PhoneA, PhoneB, Code, PhoneC]) ->
    Address = {Host, list_to_integer(Port)},
    put(checks, 0),
    A = login(Address, <<"emqttd_a">>, <<"dev-a">>, list_to_binary(PhoneA), list_to_binary(Code)),
    B = login(Address, <<"emqttd_b">>, <<"dev-b">>, list_to_binary(PhoneB), list_to_binary(Code)),
    befriend(A, list_to_binary(PhoneA), B, list_to_binary(PhoneB)),
    profile(Address, {A, list_to_binary(PhoneA)}, {B, list_to_binary(PhoneB)}, list_to_binary(PhoneC), list_to_binary(Code)),
    E = login(Address, <<"emqttd_e">>, <<"dev-e">>, list_to_binary(PhoneA), list_to_binary(Code)),
    conversation({E, list_to_binary(PhoneA)}, {B, list_to_binary(PhoneB)}),
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

%% Got, set, updated, linked, moved and removed: every record that PROFILE answers with, and what a friend hears of it.
profile(Address, {A, PhoneA}, {B, PhoneB}, PhoneC, MoveCode) ->
    Events = <<"events/1//api/anon//">>,
    Own = <<"actions/1/api/emqttd_a">>,
    [SesA, SesB, SesC] = [<<"ses/", P/binary>> || P <- [PhoneA, PhoneB, PhoneC]],
    Ask = fun(Request) -> ask(A, Events, Own, Request) end,
    check(Ask({init, <<"a token">>}) =:= {io, <<>>, {'Token', <<"a token">>}}),
    check(Ask({'Profile', PhoneB, [], [], [], 0, 0, [], get}) =:= {io, {error, not_authorized}, <<>>}),
    check(Ask({'Profile', PhoneA, [], [], [], 0, nonsense}) =:= {io, {error, invalid_data}, <<>>}),
    {'Profile', _, _, [{'Roster', Id, _, _, _, Nick, _, _, _, _, _, _, Made, _}], _, T0, _, _, _} = Got =
        Ask({'Profile', PhoneA, [], [], [], 0, [], get}),
    IdA = <<PhoneA/binary, "_", (integer_to_binary(Id))/binary>>,
    check(is_integer(T0) andalso is_integer(Made) andalso Nick =:= nick(IdA)),
    Before = {'Contact', IdA, [], [], [], Nick, [], [], 0, 0, [], Made, [], online, friend},
    check(Got =:= {'Profile', PhoneA, [], [{'Roster', Id, [], [], [], Nick, [Before], [], [], [], PhoneA, [], Made, []}],
                   [], T0, 0, online, get}),
    %% Set, and got again.
    Vox = {'Service', <<"v1">>, vox, <<"data">>, <<"me">>, <<"secret">>, 1700000000, added},
    Shown = {'Service', <<"v1">>, vox, <<"data">>, <<"me">>, [], 1700000000, added},
    Settings = [{'Feature', <<"a_1">>, <<"sound">>, true, <<"SOUNDS">>}, {'Feature', <<"a_2">>, <<"k">>, <<"v">>, <<"G">>}],
    Face = <<"https://pictures.example.org/anna.png">>,
    Given = {'Roster', Id, <<"Anna">>, <<"K">>, [], <<"ann">>, [], [], [], [], [], Face, 0, []},
    publish(A, Events, term_to_binary({'Profile', PhoneA, [Vox], [Given], Settings, 0, 0, [], set})),
    [{Own, {'Profile', _, _, _, _, T1, _, _, _} = Set}, {SesA, Set}] = lists:sort([hear_any(A), hear_any(A)]),
    check(is_integer(T1) andalso T1 >= T0),
    Self = {'Contact', IdA, Face, <<"Anna">>, <<"K">>, <<"ann">>, [], [], 0, 0, [], T1, [], online, friend},
    Roster = fun(Email, Contacts) ->
        [{'Roster', Id, <<"Anna">>, <<"K">>, Email, <<"ann">>, Contacts, [], [], [], PhoneA, Face, T1, []}]
    end,
    check(Set =:= {'Profile', PhoneA, [Shown], Roster([], [Self]), Settings, T1, 0, online, set}),
    check(Ask({'Profile', [], [], [], [], 0, 0, [], get}) =:=
          {'Profile', PhoneA, [Shown], Roster([], [Self]), Settings, T1, 0, online, get}),
    %% An address, and the code that was mailed to it.
    Mail = fun(Code) -> [{'Service', [], email, [], <<"anna@example.org">>, Code, [], []}] end,
    check(Ask({'Profile', PhoneA, [{'Service', [], vox, [], [], [], [], []}], [], [], 0, 0, [], link}) =:=
          {io, {error, invalid_data}, <<>>}),
    check(Ask({'Profile', PhoneA, Mail([]), [], [], 0, 0, [], link}) =:= {io, {ok, email_sent}, <<>>}),
    check(Ask({'Profile', PhoneA, Mail(<<"1">>), [], [], 0, 0, [], email}) =:= {io, {error, wrong_code}, <<>>}),
    Mailed = list_to_binary(string:trim(io:get_line("code?\n"))),
    check(Ask({'Profile', PhoneA, Mail(Mailed), [], [], 0, 0, [], email}) =:= {io, {ok, verified}, <<>>}),
    Services = [Shown, {'Service', [], email, [], <<"anna@example.org">>, [], [], verified}],
    {'Profile', _, _, _, _, T2, _, _, _} = Verified = Ask({'Profile', PhoneA, [], [], [], 0, 0, [], get}),
    check(T2 >= T1),
    check(Verified =:= {'Profile', PhoneA, Services, Roster(<<"anna@example.org">>, [Self]), Settings, T2, 0, online, get}),
    check(Ask({'Profile', PhoneA, [], [], [], 0, 0, [], aws}) =:=
          {io, {ok, aws}, {'Service', <<"ASIAIOSFODNN7EXAMPLE">>, aws, [], <<"wJalrXUtnFEMI/K7MDENG">>, <<"IQoJb3JpZ2lu">>,
                           1784158113, verified}}),
    %% Friends again, and told of another name.
    {IdB, NickB} = befriended({A, PhoneA}, {B, PhoneB}, IdA),
    Renamed = setelement(3, Given, <<"Ann">>),
    publish(A, Events, term_to_binary({'Profile', PhoneA, [], [Renamed], [], T2, 0, [], update})),
    [{Own, {'Profile', PhoneA, Services, [News], Settings, _, 0, online, update}},
     {SesA, {'Profile', PhoneA, Services, [Whole], Settings, T3, 0, online, update}}] = lists:sort([hear_any(A), hear_any(A)]),
    Look = {'Contact', IdA, Face, <<"Ann">>, <<"K">>, <<"ann">>, [], [], 0, 0, [], T3, [], online, friend},
    check(hear(B, SesB) =:= Look),
    {'Roster', _, _, _, _, _, [_, {'Contact', _, _, _, _, _, _, _, _, _, _, Since, _, _, _}], _, _, _, _, _, _, _} = Whole,
    Friend = {'Contact', IdB, [], [], [], NickB, [], [], 0, 0, [], Since, [], online, friend},
    check(Whole =:= {'Roster', Id, <<"Ann">>, <<"K">>, <<"anna@example.org">>, <<"ann">>, [Look, Friend], [], [], [], PhoneA,
                     Face, T3, []}),
    check(News =:= Whole),
    %% Another number.
    check(Ask({'Profile', PhoneB, [], [], [], 0, 0, [], migrate}) =:= {io, {error, not_authorized}, <<>>}),
    check(Ask({'Profile', PhoneC, [], [], [], 0, T3, [], migrate}) =:= {io, {ok, migration}, <<>>}),
    {'Profile', _, _, _, _, T4, _, _, _} = Moved = Ask({'Profile', PhoneC, [MoveCode], [], [], T3, 0, [], phone}),
    IdC = <<PhoneC/binary, "_", (integer_to_binary(Id))/binary>>,
    There = {'Contact', IdC, Face, <<"Ann">>, <<"K">>, <<"ann">>, [], [], 0, 0, [], T4, [], online, friend},
    check(Moved =:= {'Profile', PhoneC, Services,
                     [{'Roster', Id, <<"Ann">>, <<"K">>, <<"anna@example.org">>, <<"ann">>, [There, Friend], [], [], [], PhoneC,
                       Face, T4, []}], Settings, T4, 0, online, phone}),
    check(hear(B, SesB) =:= There),
    check(hear(B, SesB) =:= {'Contact', IdA, Face, <<"Ann">>, <<"K">>, <<"ann">>, [], [], 0, 0, [], T4, [], [], deleted}),
    publish(A, Events, term_to_binary({'Revoke', [], IdB, []})),
    check(hear(A, <<"actions/1/api/phone/", PhoneC/binary>>) =:= {'Revoke', [], IdB, revoke}),
    check(element(15, hear(A, SesC)) =:= revoke),
    check(element(15, hear(B, SesB)) =:= revoke),
    %% And the end. Another asked meanwhile.
    publish(B, Events, term_to_binary({'Friend', [], [], [PhoneC], list})),
    check(hear(B, <<"actions/1/api/phone/", PhoneB/binary>>) =:= <<>>),
    check(element(15, hear(B, SesB)) =:= request),
    check(element(8, hear(A, <<"actions/1/api/phone/", PhoneC/binary>>)) =:= authorization),
    check(element(15, hear(A, SesC)) =:= authorization),
    check(Ask({'Profile', PhoneA, [], [], [], 0, 0, [], remove}) =:= {io, {error, not_found}, <<>>}),
    publish(A, Events, term_to_binary({'Profile', PhoneC, [], [], [], 0, 0, [], remove})),
    check(hear(A, Own) =:= {'Profile', PhoneC, [], [], [], 0, 0, [], remove}),
    {'Contact', _, _, _, _, _, _, _, _, _, _, T5, _, _, _} = Gone = hear(B, SesB),
    check(Gone =:= {'Contact', IdC, Face, <<"Ann">>, <<"K">>, <<"ann">>, [], [], 0, 0, [], T5, [], [], deleted}),
    check(T5 >= T4),
    ok = fence(B),
    check(ask(connect(Address, <<"emqttd_n">>, <<>>), Events, <<"actions/1/api/emqttd_n">>,
              {'Profile', PhoneC, [], [], [], 0, 0, [], remove}) =:= {io, {error, not_authorized}, <<>>}).

%% Said, edited, read, asked for again and deleted, in both layouts.
conversation({E, PhoneE}, {B, PhoneB}) ->
    Events = <<"events/1//api/anon//">>,
    [OwnE, OwnB] = [<<"actions/1/api/emqttd_", Id/binary>> || Id <- [<<"e">>, <<"b">>]],
    Feed = {p2p, PhoneE, PhoneB},
    check(ask(B, Events, OwnB, {'History', [], Feed, -10, 0, [], get}) =:= {io, {error, not_found}, <<>>}),
    Desc = fun(Text) -> [{'Desc', [], <<"text">>, Text, [], []}] end,
    publish(E, Events, term_to_binary({'Message', [], chain, Feed, [], [], <<"m1">>, [], [], [], Desc(<<"hello">>), [], [], [], [], [], []})),
    [{OwnE, {'Ack', 'Message', <<"m1">>}}, {Topic, Said}] = lists:sort([hear_any(E), hear_any(E)]),
    {'Message', Id, chain, {p2p, IdE, IdB}, [], [], <<"m1">>, IdE, IdB, At, Files, [], [], [], [], [], []} = Said,
    check(Topic =:= iolist_to_binary(["p2p/", lists:join("/", lists:sort([IdE, IdB]))])),
    check(is_integer(Id) andalso is_integer(At) andalso Files =:= Desc(<<"hello">>)),
    check(hear(B, Topic) =:= Said),
    %% B writes as of November 2017 from here on.
    publish(B, Events, term_to_binary({'Message', [], [], [], [], [], 2, IdB, IdE, [], [{'Desc', text, <<"hi">>, 2, [], []}], [], [], []})),
    [{OwnB, {'Ack', 'Message', <<"2">>}}, {Topic, Reply}] = lists:sort([hear_any(B), hear_any(B)]),
    {'Message', Next, chain, {p2p, IdB, IdE}, [], [], <<"2">>, IdB, IdE, _, [{'Desc', <<"text">>, <<"hi">>, 2, [], []}], text, [], []} = Reply,
    check(Next > Id),
    check(element(2, hear(E, Topic)) =:= Next),
    publish(E, Events, term_to_binary({'Message', Id, [], Feed, [], [], [], [], [], [], Desc(<<"hello!">>), [], [], [], [], [], edit})),
    [{OwnE, {'Ack', 'Message', Id}}, {Topic, Edited}] = lists:sort([hear_any(E), hear_any(E)]),
    check(Edited =:= setelement(17, setelement(12, setelement(11, Said, Desc(<<"hello!">>)), [edited]), edit)),
    check(element(14, hear(B, Topic)) =:= edit),
    {'History', _, {p2p, IdB, IdE}, 2, 0, [First, Reply], get} = ask(B, Events, OwnB, {'History', [], Feed, -10, 0, [], get}),
    check(element(11, First) =:= [{'Desc', <<"text">>, <<"hello!">>, 6, [], []}]),
    {'History', _, _, 0, Id, [], update} = ask(B, Events, OwnB, {'History', [], Feed, 0, Id, [], update}),
    {'Contact', IdB, [], [], [], _, [], [], Id, 0, [], _, [], [], last_msg} = hear(E, Topic),
    publish(B, Events, term_to_binary({'Typing', IdE, <<"...">>})),
    check(hear(E, Topic) =:= {'Typing', IdB, <<"typing">>}),
    publish(E, Events, term_to_binary({'Message', Id, [], Feed, [], [], [], [], [], [], [], [], [], [], [], [], delete})),
    [{OwnE, {'Ack', 'Message', Id}}, {Topic, Deleted}] = lists:sort([hear_any(E), hear_any(E)]),
    check(Deleted =:= {'Message', Id, chain, {p2p, IdE, IdB}, [], [], [], IdE, IdB, [], [], [], [], [], [], [], delete}),
    check(element(14, hear(B, Topic)) =:= delete).

%% By a list, and confirmed as another generation does; nothing is left to be heard.
befriended({A, PhoneA}, {B, PhoneB}, IdA) ->
    Events = <<"events/1//api/anon//">>,
    publish(A, Events, term_to_binary({'Friend', [], [], [PhoneB, <<"15559999999">>], list})),
    check(hear(A, <<"actions/1/api/phone/", PhoneA/binary>>) =:= <<>>),
    {'Contact', IdB, [], [], [], NickB, [], [], 0, 0, [], _, [], [], request} = hear(A, <<"ses/", PhoneA/binary>>),
    {'Contact', IdA, <<"https://pictures.example.org/anna.png">>, <<"Anna">>, <<"K">>, [], _, authorization} = hear(B, <<"actions/1/api/phone/", PhoneB/binary>>),
    check(element(15, hear(B, <<"ses/", PhoneB/binary>>)) =:= authorization),
    publish(B, Events, term_to_binary({'Confirm', IdB, IdA, friend})),
    check(hear(B, <<"actions/1/api/phone/", PhoneB/binary>>) =:= <<>>),
    [check(lists:member(element(tuple_size(Term), Term), [friend])) || {_, Term} <- [hear_any(S) || S <- [A, A, B, B]]],
    [ok, ok] = [fence(Socket) || Socket <- [A, B]],
    {IdB, NickB}.

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
            {Topic, Payload};
        %% What is said in chats comes at QoS 1, and what follows it at QoS 0.
        {Head, <<Size:16, Topic:Size/binary, Id:16, Payload/binary>>} when Head band 16#f6 =:= 16#32 ->
            ok = gen_tcp:send(Socket, packet(16#40, <<Id:16>>)),
            {Topic, Payload};
        {16#30, <<Size:16, Topic:Size/binary, Payload/binary>>} -> {Topic, Payload}
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
