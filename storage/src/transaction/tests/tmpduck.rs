//! throwaway
use super::*;
#[tokio::test]
async fn make_duck_lake() {
    let Ok(folder) = std::env::var("DUCK") else {
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let script = Arc::new(Script::default());
    let lake = open(&folder, &script, LakeRole::Primary).await.unwrap();
    let public = lake
        .head()
        .await
        .unwrap()
        .schema_by_name("public")
        .unwrap()
        .id;
    let begin = || async { lake.begin(Author::default()).await.unwrap() };
    let mut t = begin().await;
    let id = t.create_table(table(public, "t")).unwrap();
    insert(&mut t, id, 0, 10).await;
    let own = t.files(id).await.unwrap().files[0].id;
    t.delete_rows(id, own, &[0, 9]).await.unwrap();
    t.commit().await.unwrap();
    let head = lake.head().await.unwrap();
    let id = head.tables().find(|t| t.name == "t").unwrap().id;
    for n in 1..4 {
        let mut t = begin().await;
        insert(&mut t, id, n * 10, n * 10 + 10).await;
        t.commit().await.unwrap();
    }
    for (file, positions) in [
        (0usize, vec![1u64]),
        (1, vec![0, 1]),
        (1, vec![5]),
        (2, (0..10).collect()),
        (0, vec![4]),
    ] {
        let mut t = begin().await;
        let f = t.files(id).await.unwrap().files[file].id;
        t.delete_rows(id, f, &positions).await.unwrap();
        t.commit().await.unwrap();
    }
    lake.close().await;
}
#[tokio::test]
async fn make_duck_columns() {
    let Ok(folder) = std::env::var("DUCK") else {
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let script = Arc::new(Script::default());
    let lake = open(&folder, &script, LakeRole::Primary).await.unwrap();
    let public = lake
        .head()
        .await
        .unwrap()
        .schema_by_name("public")
        .unwrap()
        .id;
    let begin = || async { lake.begin(Author::default()).await.unwrap() };
    let mut t = begin().await;
    let mut new = table(public, "t");
    new.columns
        .push(column("l", ColumnType::List(Box::new(ColumnType::Int32))));
    new.columns.push(column("f", ColumnType::Int32));
    let id = t.create_table(new).unwrap();
    let put = |mut t: Transaction, id: TableId, batch: RecordBatch| async move {
        let mut w = t.writer(id).await.unwrap();
        w.write(batch).await.unwrap();
        let staged = w.finish().await.unwrap();
        t.append(id, staged).unwrap();
        t
    };
    let lists = arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(
        (0..5).map(|n| Some(vec![Some(n), None])),
    );
    let ints = |from: i32| -> ArrayRef { Arc::new(Int32Array::from_iter_values(from..from + 5)) };
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(
        (0..5).map(|n| n.to_string()),
    ));
    t = put(
        t,
        id,
        RecordBatch::try_from_iter([
            ("a", ints(0)),
            ("b", Arc::clone(&texts)),
            ("l", Arc::new(lists) as ArrayRef),
            ("f", ints(0)),
        ])
        .unwrap(),
    )
    .await;
    t.commit().await.unwrap();
    let id = lake
        .head()
        .await
        .unwrap()
        .tables()
        .find(|t| t.name == "t")
        .unwrap()
        .id;
    let mut t = begin().await;
    t.set_column_type(id, ColumnId(1), ColumnType::Int64)
        .unwrap();
    t.set_column_type(
        id,
        ColumnId(3),
        ColumnType::List(Box::new(ColumnType::Int64)),
    )
    .unwrap();
    t.set_column_type(id, ColumnId(5), ColumnType::Float64)
        .unwrap();
    t.commit().await.unwrap();
    let mut t = begin().await;
    let big: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(
        (0..5).map(|n| 5_000_000_000 + n),
    ));
    let lists = arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(
        (0..5).map(|n| Some(vec![Some(n + 5_000_000_000), None])),
    );
    let doubles: ArrayRef = Arc::new(arrow::array::Float64Array::from_iter_values(
        (0..5).map(|n| f64::from(n) + 0.5),
    ));
    t = put(
        t,
        id,
        RecordBatch::try_from_iter([
            ("a", big),
            ("b", Arc::clone(&texts)),
            ("l", Arc::new(lists) as ArrayRef),
            ("f", doubles),
        ])
        .unwrap(),
    )
    .await;
    t.commit().await.unwrap();
    // add with default and without, then new rows
    let mut t = begin().await;
    t.add_column(
        id,
        column("d", ColumnType::Int32),
        Some(&(Arc::new(Int32Array::from(vec![42])) as ArrayRef)),
    )
    .await
    .unwrap();
    t.add_column(id, column("n", ColumnType::Text), None)
        .await
        .unwrap();
    t.drop_column(id, ColumnId(2)).unwrap();
    t.rename_column(id, ColumnId(1), "aa").unwrap();
    t.commit().await.unwrap();
    let mut t = begin().await;
    let big: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(0..5));
    let lists = arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(
        (0..5).map(|n| Some(vec![Some(n)])),
    );
    let doubles: ArrayRef = Arc::new(arrow::array::Float64Array::from_iter_values(
        (0..5).map(f64::from),
    ));
    t = put(
        t,
        id,
        RecordBatch::try_from_iter([
            ("aa", big),
            ("l", Arc::new(lists) as ArrayRef),
            ("f", doubles),
            ("d", ints(100)),
            ("n", Arc::clone(&texts)),
        ])
        .unwrap(),
    )
    .await;
    t.commit().await.unwrap();
    // replaced column in the middle, another added, a move
    let mut t = begin().await;
    t.replace_column(id, ColumnId(5), ColumnType::Text)
        .await
        .unwrap();
    t.truncate_table(id).unwrap();
    t.add_column(
        id,
        column("z", ColumnType::Int32),
        Some(&(Arc::new(Int32Array::from(vec![1])) as ArrayRef)),
    )
    .await
    .unwrap();
    let big: ArrayRef = Arc::new(arrow::array::Int64Array::from_iter_values(0..5));
    let lists = arrow::array::ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>(
        (0..5).map(|n| Some(vec![Some(n)])),
    );
    t = put(
        t,
        id,
        RecordBatch::try_from_iter([
            ("aa", big),
            ("l", Arc::new(lists) as ArrayRef),
            ("f", Arc::clone(&texts)),
            ("d", ints(100)),
            ("n", Arc::clone(&texts)),
            ("z", ints(7)),
        ])
        .unwrap(),
    )
    .await;
    t.commit().await.unwrap();
    let mut t = begin().await;
    t.set_table_schema(id, SchemaId(0)).unwrap();
    t.rename_table(id, "moved").unwrap();
    t.commit().await.unwrap();
    lake.close().await;
}
#[tokio::test]
async fn make_duck_inline() {
    let Ok(folder) = std::env::var("DUCK") else {
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let script = Arc::new(Script::default());
    let lake = open(&folder, &script, LakeRole::Primary).await.unwrap();
    let public = lake
        .head()
        .await
        .unwrap()
        .schema_by_name("public")
        .unwrap()
        .id;
    let begin = || async { lake.begin(Author::default()).await.unwrap() };
    let values = super::inline::every_type();
    let mut t = begin().await;
    let new = NewTable {
        columns: values
            .iter()
            .enumerate()
            .map(|(i, (ty, _))| column(&format!("c{i}"), ty.clone()))
            .collect(),
        ..table(public, "types")
    };
    let id = t.create_table(new).unwrap();
    let batch = RecordBatch::try_from_iter(
        values
            .iter()
            .enumerate()
            .map(|(i, (_, a))| (format!("c{i}"), Arc::clone(a))),
    )
    .unwrap();
    t.append_rows(id, batch.clone()).await.unwrap();
    t.commit().await.unwrap();
    // the same in a file
    let mut t = begin().await;
    let new = NewTable {
        columns: values
            .iter()
            .enumerate()
            .map(|(i, (ty, _))| column(&format!("c{i}"), ty.clone()))
            .collect(),
        ..table(public, "filed")
    };
    let id = t.create_table(new).unwrap();
    let mut w = t.writer(id).await.unwrap();
    w.write(batch).await.unwrap();
    let staged = w.finish().await.unwrap();
    t.append(id, staged).unwrap();
    t.create_table(table(public, "t")).unwrap();
    t.commit().await.unwrap();
    let id = lake
        .head()
        .await
        .unwrap()
        .tables()
        .find(|t| t.name == "t")
        .unwrap()
        .id;
    for n in 0..3 {
        let mut t = begin().await;
        t.append_rows(id, super::inline::rows(n * 10, n * 10 + 3))
            .await
            .unwrap();
        t.commit().await.unwrap();
    }
    let mut t = begin().await;
    t.delete_inlined_rows(id, &[1, 4]).await.unwrap();
    t.commit().await.unwrap();
    let mut t = begin().await;
    t.add_column(
        id,
        column("c", ColumnType::Int32),
        Some(&(Arc::new(Int32Array::from(vec![7])) as ArrayRef)),
    )
    .await
    .unwrap();
    t.rename_column(id, ColumnId(1), "aa").unwrap();
    t.set_column_type(id, ColumnId(1), ColumnType::Int64)
        .unwrap();
    t.commit().await.unwrap();
    let mut t = begin().await;
    let big: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![
        5_000_000_000,
        5_000_000_001,
    ]));
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("x"), None]));
    let cs: ArrayRef = Arc::new(Int32Array::from(vec![100, 101]));
    t.append_rows(
        id,
        RecordBatch::try_from_iter([("aa", big), ("b", texts), ("c", cs)]).unwrap(),
    )
    .await
    .unwrap();
    t.commit().await.unwrap();
    lake.flush_inlined(id, Author::default()).await.unwrap();
    let mut t = begin().await;
    let f = t.files(id).await.unwrap().files[0].id;
    t.delete_rows(id, f, &[0]).await.unwrap();
    t.commit().await.unwrap();
    let mut t = begin().await;
    let big: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![-1]));
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("last")]));
    let cs: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    t.append_rows(
        id,
        RecordBatch::try_from_iter([("aa", big), ("b", texts), ("c", cs)]).unwrap(),
    )
    .await
    .unwrap();
    t.commit().await.unwrap();
    lake.close().await;
}
