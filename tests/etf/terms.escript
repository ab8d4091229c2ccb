#!/usr/bin/env escript
%%! -noinput
%% Erlang itself as the judge of our term codec, over packets of four bytes' length on standard input and output.
%%
%% escript terms.escript <seed> <terms> sound|damaged
%%
%% Sends batches of random terms, encoded with every option term_to_binary has, and reads what the codec makes of each:
%%   to it:    <<Kind, Size:32, Bytes/binary>> ...
%%   from it:  <<0>> for a refusal, or <<Read, FullSize:32, Full/binary, WireSize:32, Wire/binary>> ...
%% Kind is $F for any term, of which Full must be the same term again; $W for one that has only tags of the wire, of
%% which Wire must be the same too; $M for damaged bytes, of which Full must be what Erlang reads in them, if both read
%% them. Read is 1, or 2 for a term with parts that the codec does not look into as Erlang does. The last packet is <<$E, Summary/binary>>.
-mode(compile).

-define(BATCH, 250).

main([Seed, Count, Kind]) ->
    rand:seed(exsss, list_to_integer(Seed)),
    put(kind, Kind),
    put(atoms, list_to_tuple([random_atom() || _ <- lists:seq(1, 3000)])),
    put(latin1_atoms, list_to_tuple([random_latin1_atom() || _ <- lists:seq(1, 1000)])),
    Port = open_port({fd, 0, 1}, [binary, {packet, 4}]),
    put(port, Port),
    Totals = rounds(Port, list_to_integer(Count), #{}),
    Summary = [io_lib:format("~s ~b\n", [Key, Value]) || {Key, Value} <- lists:sort(maps:to_list(Totals))],
    send(Port, [$E, Summary]),
    %% Halting before the other side has read would lose the summary.
    receive {Port, {data, _}} -> halt(0) end.

rounds(_, 0, Totals) ->
    Totals;
rounds(Port, Left, Totals) ->
    Cases = [random_case() || _ <- lists:seq(1, min(Left, ?BATCH))],
    send(Port, [[Kind, <<(byte_size(Bytes)):32>>, Bytes] || {Kind, _, Bytes} <- Cases]),
    receive
        {Port, {data, Answers}} -> rounds(Port, Left - length(Cases), check(Cases, Answers, Totals))
    end.

send(Port, Data) ->
    true = port_command(Port, Data).

check([], <<>>, Totals) ->
    Totals;
check([{Kind, Expected, Bytes} | Cases], <<0, Answers/binary>>, Totals) ->
    Verdict = case {Kind, Expected} of
        {$M, none} -> "damaged_refused_by_both";
        {$M, _} -> sample("damaged_refused_by_us", Bytes);
        _ -> sample("WRONG_refused", Bytes)
    end,
    check(Cases, Answers, count(Verdict, Totals));
check([{Kind, Expected, Bytes} | Cases],
      <<Read, FullSize:32, Full:FullSize/binary, WireSize:32, Wire:WireSize/binary, Answers/binary>>, Totals) ->
    Verdict = case {Kind, Expected} of
        {$M, none} when Read =:= 1 -> sample("WRONG_damaged_read_by_us", Bytes);
        {$M, none} -> "damaged_opaque_read_by_us";
        {_, {term, Term}} ->
            case is(Full, Term) of
                false -> sample("WRONG_term", Bytes);
                true when Kind =:= $W ->
                    case is(Wire, Term) of
                        false -> sample("WRONG_wire", Bytes);
                        true -> "wire"
                    end;
                true when Kind =:= $M -> "damaged_read_by_both";
                true -> "full"
            end
    end,
    check(Cases, Answers, count(Verdict, Totals)).

is(Bytes, Term) ->
    %% With a whole turn ahead: cut short in the middle, binary_to_term may break the heap (erlang/otp#11404).
    erlang:yield(),
    try binary_to_term(Bytes, [used]) of
        {Read, Used} -> Read =:= Term andalso Used =:= byte_size(Bytes)
    catch
        error:badarg -> false
    end.

count(Verdict, Totals) ->
    maps:update_with(Verdict, fun(Count) -> Count + 1 end, 1, Totals).

%% The first bytes of a kind are shown.
sample(Verdict, Bytes) ->
    Shown = case get({shown, Verdict}) of undefined -> 0; Count -> Count end,
    case Shown < 10 of
        true -> io:format(standard_error, "~s ~s~n", [Verdict, binary:encode_hex(binary:part(Bytes, 0, min(400, byte_size(Bytes))))]);
        false -> ok
    end,
    put({shown, Verdict}, Shown + 1),
    Verdict.

random_case() ->
    case {get(kind), rand:uniform(2)} of
        {"sound", 1} ->
            Term = wire(4),
            {$W, {term, Term}, term_to_binary(Term, options())};
        {"sound", 2} ->
            Term = term(4),
            {$F, {term, Term}, term_to_binary(Term, options())};
        {"damaged", _} ->
            Bytes = damaged(term_to_binary(plain(2), options())),
            {$M, erlang_reads(Bytes), Bytes}
    end.

options() ->
    Version = [{minor_version, rand:uniform(3) - 1} || rand:uniform(4) > 1],
    Level = case rand:uniform(4) of
        1 -> [{compressed, rand:uniform(10) - 1}];
        2 -> [compressed];
        _ -> []
    end,
    Order = [deterministic || rand:uniform(4) =:= 1],
    Version ++ Level ++ Order.

erlang_reads(Bytes) ->
    erlang:yield(),
    try binary_to_term(Bytes, [used]) of
        {Term, Used} when Used =:= byte_size(Bytes) -> {term, Term};
        _ -> none
    catch
        error:badarg -> none
    end.

damaged(Bytes) ->
    lists:foldl(fun(_, Some) -> damage(Some) end, Bytes, lists:seq(1, rand:uniform(3))).

%% The version byte stays.
damage(<<Version, Rest/binary>>) ->
    At = rand:uniform(byte_size(Rest) + 1) - 1,
    <<Before:At/binary, After/binary>> = Rest,
    Damaged = case {rand:uniform(4), After} of
        {1, _} -> [Before, random_byte(), After];
        {2, <<_, Left/binary>>} -> [Before, random_byte(), Left];
        {3, <<_, Left/binary>>} -> [Before, Left];
        _ -> Before
    end,
    iolist_to_binary([Version, Damaged]).

%% Tags are met more often than chance would have it.
random_byte() ->
    Tags = {0, 1, 70, 77, 80, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111,
            112, 113, 114, 115, 116, 117, 118, 119, 120, 131, 255},
    case rand:uniform(2) of
        1 -> pick(Tags);
        2 -> rand:uniform(256) - 1
    end.

pick(Tuple) -> element(rand:uniform(tuple_size(Tuple)), Tuple).

some(Most, Make) -> [Make() || _ <- lists:seq(1, rand:uniform(Most + 1) - 1)].

%% Terms with tags of the wire.
wire(Depth) ->
    case rand:uniform(case Depth of 0 -> 5; _ -> 8 end) of
        1 -> integer(2039);
        2 -> pick(get(latin1_atoms));
        3 -> bytes();
        4 -> [];
        5 -> characters();
        6 -> some(6, fun() -> wire(Depth - 1) end);
        7 -> list_to_tuple(some(6, fun() -> wire(Depth - 1) end));
        8 -> repeated(255)
    end.

%% No funs: the emulator itself may die of a damaged one.
plain(Depth) ->
    Term = term(Depth),
    case has_fun(Term) of
        true -> plain(Depth);
        false -> Term
    end.

has_fun(Term) when is_function(Term) -> true;
has_fun([Head | Tail]) -> has_fun(Head) orelse has_fun(Tail);
has_fun(Term) when is_tuple(Term) -> has_fun(tuple_to_list(Term));
has_fun(Term) when is_map(Term) -> has_fun(maps:to_list(Term));
has_fun(_) -> false.

term(Depth) ->
    case rand:uniform(case Depth of 0 -> 13; _ -> 19 end) of
        1 -> integer(2300);
        2 -> pick(get(atoms));
        3 -> bytes();
        4 -> [];
        5 -> characters();
        6 -> float_term();
        7 -> <<(bytes())/binary, (rand:uniform(128) - 1):(rand:uniform(7))>>;
        8 -> pid();
        9 -> reference();
        10 -> port();
        11 -> pick({fun lists:map/2, fun erlang:send/2, fun no_module:no_function/255});
        12 -> fun_term();
        13 -> pick(get(latin1_atoms));
        14 -> some(6, fun() -> term(Depth - 1) end);
        15 -> list_to_tuple(some(6, fun() -> term(Depth - 1) end));
        16 -> maps:from_list(some(5, fun() -> {term(Depth - 1), term(Depth - 1)} end));
        17 -> [term(Depth - 1) | term(Depth - 1)];
        18 -> some(3, fun() -> term(Depth - 1) end) ++ term(0);
        19 -> repeated(400)
    end.

integer(Bits) ->
    Sign = pick({1, -1}),
    case rand:uniform(4) of
        1 -> rand:uniform(256) - 1;
        2 -> Sign * rand:uniform(1 bsl 32);
        3 -> Sign * rand:uniform(1 bsl 62);
        4 -> Sign * ((1 bsl (rand:uniform(Bits) - 1)) + rand:uniform(3) - 2)
    end.

bytes() ->
    case rand:uniform(200) of
        1 -> binary:copy(<<"abc">>, rand:uniform(2000));
        _ -> rand:bytes(rand:uniform(30) - 1)
    end.

%% STRING_EXT, and the lists too long or too wide for it.
characters() ->
    case rand:uniform(300) of
        1 -> lists:duplicate(65530 + rand:uniform(10), $a);
        Wide when Wide < 30 -> some(20, fun() -> rand:uniform(300) end);
        _ -> some(20, fun() -> rand:uniform(256) - 1 end)
    end.

%% Long, and worth compressing.
repeated(Most) ->
    Item = pick({integer(100), pick(get(latin1_atoms)), rand:bytes(8), "abc", {[]}}),
    Items = lists:duplicate(rand:uniform(Most), Item),
    case rand:uniform(2) of
        1 -> Items;
        2 -> list_to_tuple(Items)
    end.

float_term() ->
    case rand:bytes(8) of
        <<Float/float>> -> pick({Float, 0.0, -0.0, 1.0e308, 5.0e-324, rand:uniform(), float(rand:uniform(1000))});
        _ -> 1.5
    end.

random_atom() ->
    list_to_atom(case rand:uniform(30) of
        1 -> lists:duplicate(255, pick({$a, 16#e9, 16#436, 16#1f986}));
        _ -> some(12, fun() -> pick({$a + rand:uniform(26) - 1, rand:uniform(256) - 1, 16#400 + rand:uniform(256), 16#1f600 + rand:uniform(64)}) end)
    end).

random_latin1_atom() ->
    list_to_atom(some(12, fun() -> rand:uniform(256) - 1 end)).

%% Of this node and of others, in the form of today and in that of old.
pid() ->
    Id = rand:uniform(1 bsl 15) - 1,
    case rand:uniform(3) of
        1 -> self();
        2 -> foreign(<<88, (name())/binary, Id:32, (rand:uniform(100)):32, (rand:uniform(1 bsl 32) - 1):32>>);
        3 -> foreign(<<103, (name())/binary, Id:32, (rand:uniform(100)):32, (rand:uniform(4) - 1)>>)
    end.

reference() ->
    case rand:uniform(4) of
        1 -> make_ref();
        2 -> foreign(<<90, 3:16, (name())/binary, (rand:uniform(1 bsl 32) - 1):32, 1:32, 2:32, 3:32>>);
        3 -> foreign(<<114, 2:16, (name())/binary, 1, 1:32, 2:32>>);
        4 -> foreign(<<101, (name())/binary, (rand:uniform(1 bsl 18) - 1):32, 2>>)
    end.

port() ->
    case rand:uniform(4) of
        1 -> get(port);
        2 -> foreign(<<89, (name())/binary, (rand:uniform(1 bsl 28) - 1):32, (rand:uniform(1 bsl 32) - 1):32>>);
        3 -> foreign(<<102, (name())/binary, (rand:uniform(1 bsl 28) - 1):32, 1>>);
        4 -> foreign(<<120, (name())/binary, (rand:uniform(1 bsl 60)):64, (rand:uniform(1 bsl 32) - 1):32>>)
    end.

name() ->
    pick({<<100, 5:16, "a@b.c">>, <<115, 5, "a@b.c">>, <<118, 4:16, "ж@b"/utf8>>, <<119, 5, "ж@bc"/utf8>>}).

foreign(Bytes) ->
    binary_to_term(<<131, Bytes/binary>>).

fun_term() ->
    Held = {integer(100), bytes()},
    Other = pick(get(atoms)),
    case rand:uniform(3) of
        1 -> fun() -> ok end;
        2 -> fun(_) -> Held end;
        3 -> fun(A, B) -> {A, B, Held, Other} end
    end.
