-- Run to record SQLite: tables, an index, joins, changes, a vacuum.
create table ware(id integer primary key, name text, price real);
create table sale(id integer primary key, ware int, amount int, day text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60)
  insert into ware select i, 'ware-' || i, i * 1.25 from n;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
  insert into sale
    select i, i * 7919 % 60 + 1, i % 9 + 1, date('2024-01-01', i || ' hours')
    from n;
create index sale_by_ware on sale(ware, day);
select name, sum(amount), round(sum(amount * price), 2) from sale
  join ware on ware.id = sale.ware group by name order by 3 desc limit 10;
select substr(day, 1, 7) month, count(*), group_concat(distinct ware)
  from sale where amount > 6 group by month;
update sale set amount = amount + 1 where ware in
  (select id from ware where price > 40);
delete from sale where day < '2024-02-01';
create view dear as select * from ware where price > (select avg(price) from ware);
select count(*) from sale s where exists
  (select 1 from dear d where d.id = s.ware);
with recursive walk(id, path) as (
  select 1, '1' union all
  select w.id, path || '.' || w.id from ware w, walk where w.id = walk.id + 1)
  select max(length(path)) from walk;
select json_group_array(json_object('name', name, 'price', price)) from ware;
vacuum;
